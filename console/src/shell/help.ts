/** `?`: every key that means something now, by group. */
import { css, html, type TemplateResult } from "lit";
import { customElement, query } from "lit/decorators.js";
import { AlmenaraElement } from "../common/element";
import { type Key, t } from "../i18n";
import { allBindings, type Binding } from "./keys";

@customElement("alm-help")
export class Help extends AlmenaraElement {
  static override styles = [
    AlmenaraElement.styles,
    css`
      dialog { width: min(44rem, calc(100vw - 2rem)); max-height: calc(100vh - 4rem); border: 1px solid var(--line-strong); border-radius: 10px; padding: 1.25rem;
        background: var(--panel); color: var(--text); box-shadow: var(--shadow); }
      dialog::backdrop { background: #0008; }
      .head { display: flex; justify-content: space-between; align-items: center; margin-bottom: 1rem; }
      .groups { columns: 2 18rem; column-gap: 2rem; }
      section { break-inside: avoid; margin-bottom: 1rem; }
      dl { display: grid; grid-template-columns: 4.5rem 1fr; gap: 0.25rem 0.75rem; margin-top: 0.35rem; }
    `,
  ];
  @query("dialog") private readonly dialog!: HTMLDialogElement;

  protected override firstUpdated(): void {
    this.dialog.showModal();
  }

  protected override render(): TemplateResult {
    const groups = new Map<Key, Binding[]>();
    for (const each of allBindings()) {
      const group = groups.get(each.group) ?? [];
      if (!group.some((other) => other.key === each.key)) groups.set(each.group, [...group, each]);
    }
    return html`<dialog aria-labelledby="title" @close=${() => this.remove()}>
      <div class="head"><h2 id="title">${t("help.title")}</h2><button class="quiet" @click=${() => this.dialog.close()}>${t("dialog.close")}</button></div>
      <div class="groups">
        ${[...groups].map(
          ([group, bindings]) => html`<section><h3>${t(group)}</h3>
            <dl>${bindings.map((each) => html`<dt>${each.key.split(" ").map((key) => html`<kbd>${NAMES[key] ?? key}</kbd> `)}</dt><dd>${t(each.label)}</dd>`)}</dl>
          </section>`,
        )}
      </div>
    </dialog>`;
  }
}

const NAMES: Record<string, string> = { Enter: "↵", Escape: "Esc", ArrowLeft: "←", ArrowRight: "→", " ": "␣" };

export function showHelp(): void {
  if (!document.querySelector("alm-help")) document.body.append(document.createElement("alm-help"));
}
