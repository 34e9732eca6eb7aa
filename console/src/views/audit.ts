/** Who of the agency did what, when, and what came of it: the log's own words, newest first. */
import { css, html, nothing, type TemplateResult } from "lit";
import { customElement, state } from "lit/decorators.js";
import { get } from "../api/client";
import type { Page } from "../api/types";
import { AlmenaraElement } from "../common/element";
import { attempt } from "../common/notices";
import { hasText, t, tCode } from "../i18n";

interface Deed {
  seq: number;
  at: string;
  by: string;
  action: string;
  subject: string;
  outcome: string;
  detail: string;
}

@customElement("view-audit")
export class AuditView extends AlmenaraElement {
  static override styles = [
    AlmenaraElement.styles,
    css`
      :host { display: grid; gap: 1rem; align-content: start; }
      form { display: flex; gap: 0.75rem; align-items: end; flex-wrap: wrap; }
      form div { width: 14rem; }
      .scroll { overflow-x: auto; }
    `,
  ];
  protected override readonly topics = ["session"] as const;
  @state() private items: Deed[] = [];
  @state() private next: string | null = null;
  @state() private asked = false;
  private filter: { who?: string; action?: string } = {};

  override connectedCallback(): void {
    super.connectedCallback();
    void this.fetch(null);
  }

  private async fetch(cursor: string | null): Promise<void> {
    await attempt(async () => {
      const page = await get<Page<Deed>>("/audit", { ...this.filter, cursor, limit: 100 });
      this.items = cursor ? [...this.items, ...page.items] : page.items;
      this.next = page.next;
      this.asked = true;
    });
  }

  protected override render(): TemplateResult {
    return html`<h1>${t("nav.audit")}</h1><p class="soft">${t("audit.about")}</p>
      <form @submit=${this.search}>
        <div><label for="who">${t("audit.who")}</label><input id="who" name="who"></div>
        <div><label for="action">${t("audit.action")}</label><input id="action" name="action"></div>
        <button>${t("audit.search")}</button>
      </form>
      ${this.asked && !this.items.length ? html`<p class="soft">${t("audit.none")}</p>` : nothing}
      <div class="scroll" tabindex="0" role="region" aria-label=${t("nav.audit")}><table data-testid="audit"><thead><tr><th>${t("health.when")}</th><th>${t("audit.who")}</th><th>${t("audit.action")}</th><th>${t("audit.subject")}</th><th>${t("audit.outcome")}</th><th>${t("health.detail")}</th><th class="number">${t("audit.entry")}</th></tr></thead>
        <tbody>${this.items.map(
          (deed) =>
            html`<tr><td><alm-when at=${deed.at}></alm-when></td><td>${deed.by}</td><td>${hasText(`audit-action.${deed.action}`) ? tCode("audit-action", deed.action) : deed.action}</td><td class="mono">${deed.subject}</td><td>${tCode("audit-outcome", deed.outcome)}</td><td class="small">${deed.detail}</td><td class="number soft">${deed.seq}</td></tr>`,
        )}</tbody></table></div>
      ${this.next ? html`<div><button @click=${() => void this.fetch(this.next)}>${t("audit.more")}</button></div>` : nothing}`;
  }

  private search(event: SubmitEvent): void {
    event.preventDefault();
    const form = new FormData(event.target as HTMLFormElement);
    this.filter = { who: String(form.get("who") ?? ""), action: String(form.get("action") ?? "") };
    void this.fetch(null);
  }
}
