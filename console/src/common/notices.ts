/** What the console says after a deed: done (with an undo where it is safe), or refused and why. Read aloud, never modal. */
import { css, html, type TemplateResult } from "lit";
import { customElement } from "lit/decorators.js";
import { ApiError } from "../api/client";
import { hasText, t, tCode } from "../i18n";
import { AlmenaraElement } from "./element";

export interface Notice {
  text: string;
  fault?: boolean;
  undo?: () => void | Promise<void>;
}

interface Shown extends Notice {
  id: number;
}

const SHOWN_MS = 12_000;
const changes = new EventTarget();
let notices: Shown[] = [];
let next = 1;

export function say(notice: Notice): void {
  const id = next++;
  notices = [...notices.slice(-3), { ...notice, id }];
  changes.dispatchEvent(new Event("change"));
  if (!notice.fault) setTimeout(() => drop(id), SHOWN_MS);
}

/** Why something failed, in words: the service's reason where there is a text for it. */
export function explain(error: unknown): string {
  if (!(error instanceof ApiError)) throw error;
  const { reason, detail, title, status } = error.problem;
  if (reason === "no-answer") return t("problem.no-answer");
  if (status === 403) return t("problem.forbidden");
  const known = hasText(`problem.${reason}`) ? tCode("problem", reason) : "";
  return [known, detail || title].filter(Boolean).join(" ") || t("problem.other", { status });
}

/** Runs a deed and says what came of it; true when it was done. */
export async function attempt(deed: () => Promise<unknown>, done?: Notice): Promise<boolean> {
  try {
    await deed();
  } catch (error) {
    say({ text: explain(error), fault: true });
    return false;
  }
  if (done) say(done);
  return true;
}

function drop(id: number): void {
  notices = notices.filter((each) => each.id !== id);
  changes.dispatchEvent(new Event("change"));
}

@customElement("alm-notices")
export class Notices extends AlmenaraElement {
  static override styles = [
    AlmenaraElement.styles,
    css`
      :host { position: fixed; z-index: 30; left: 50%; bottom: calc(6rem + var(--band)); transform: translateX(-50%); width: min(36rem, calc(100vw - 2rem));
        display: grid; gap: 0.5rem; pointer-events: none; }
      .notice { display: flex; align-items: center; gap: 0.75rem; background: var(--raised); box-shadow: var(--shadow); pointer-events: auto; }
      .notice span { flex: 1; }
    `,
  ];
  private readonly onChange = (): void => this.requestUpdate();

  override connectedCallback(): void {
    super.connectedCallback();
    this.setAttribute("role", "status");
    this.setAttribute("aria-live", "polite");
    changes.addEventListener("change", this.onChange);
  }

  override disconnectedCallback(): void {
    changes.removeEventListener("change", this.onChange);
    super.disconnectedCallback();
  }

  protected override render(): TemplateResult {
    return html`${notices.map(
      (each) => html`<div class="notice ${each.fault ? "fault" : ""}" role=${each.fault ? "alert" : "presentation"}>
        <span>${each.text}</span>
        ${each.undo ? html`<button @click=${() => this.undo(each)} data-testid="undo">${t("notice.undo")}</button>` : ""}
        <button class="quiet" aria-label=${t("notice.close")} @click=${() => drop(each.id)}>✕</button>
      </div>`,
    )}`;
  }

  private undo(notice: Shown): void {
    drop(notice.id);
    void notice.undo?.();
  }
}
