/** Questions in a dialog: `ask` for a text (a reason), `confirm` for a yes; both give null or false when left by Escape. */
import { css, html, type TemplateResult } from "lit";
import { customElement, property, query } from "lit/decorators.js";
import { t } from "../i18n";
import { AlmenaraElement } from "./element";

export interface Question {
  title: string;
  detail?: string;
  /** With a label, a text is asked for. */
  label?: string;
  value?: string;
  suggestions?: string[];
  confirm: string;
}

@customElement("alm-question")
class QuestionDialog extends AlmenaraElement {
  static override styles = [
    AlmenaraElement.styles,
    css`
      dialog { width: min(30rem, calc(100vw - 2rem)); border: 1px solid var(--line-strong); border-radius: 10px; padding: 1.25rem;
        background: var(--panel); color: var(--text); box-shadow: var(--shadow); }
      dialog::backdrop { background: #0008; }
      form { display: grid; gap: 0.9rem; }
      .row { justify-content: flex-end; }
      .suggestions { justify-content: flex-start; }
    `,
  ];
  @property({ attribute: false }) question: Question | null = null;
  @query("dialog") private readonly dialog!: HTMLDialogElement;
  @query("textarea") private readonly text!: HTMLTextAreaElement | null;
  answer: (value: string | null) => void = () => {};

  protected override firstUpdated(): void {
    this.dialog.showModal();
  }

  protected override render(): TemplateResult {
    const q = this.question;
    if (!q) return html``;
    return html`<dialog aria-labelledby="title" @close=${() => this.answer(null)} @cancel=${() => this.answer(null)}>
      <form method="dialog" @submit=${this.submit}>
        <h2 id="title">${q.title}</h2>
        ${q.detail ? html`<p class="soft">${q.detail}</p>` : ""}
        ${
          q.label
            ? html`<div><label for="text">${q.label}</label>
              <textarea id="text" rows="2" required maxlength="500" autofocus .value=${q.value ?? ""} @keydown=${this.enter}></textarea></div>
              ${q.suggestions?.length ? html`<div class="row suggestions">${q.suggestions.map((s) => html`<button type="button" @click=${() => this.suggest(s)}>${s}</button>`)}</div>` : ""}`
            : ""
        }
        <div class="row">
          <button type="button" class="quiet" @click=${() => this.dialog.close()}>${t("dialog.back")}</button>
          <button class="primary" ?autofocus=${!q.label}>${q.confirm}</button>
        </div>
      </form>
    </dialog>`;
  }

  private suggest(text: string): void {
    if (this.text) this.text.value = text;
    this.text?.focus();
  }

  private enter(event: KeyboardEvent): void {
    if (event.key !== "Enter" || event.shiftKey) return;
    event.preventDefault();
    (event.target as HTMLTextAreaElement).form?.requestSubmit();
  }

  private submit(event: Event): void {
    event.preventDefault();
    const text = this.text ? this.text.value.trim() : "yes";
    if (text) this.answer(text);
  }
}

async function put(question: Question): Promise<string | null> {
  const before = deepActive();
  const element = document.createElement("alm-question") as QuestionDialog;
  element.question = question;
  return new Promise((resolve) => {
    element.answer = (value) => {
      element.answer = () => {};
      element.remove();
      before?.focus();
      resolve(value);
    };
    document.body.append(element);
  });
}

export async function ask(question: Question & { label: string }): Promise<string | null> {
  return put(question);
}

export async function confirm(question: Question): Promise<boolean> {
  return (await put(question)) !== null;
}

/** The focused element, within whatever shadow roots. */
export function deepActive(): HTMLElement | null {
  let active = document.activeElement;
  while (active?.shadowRoot?.activeElement) active = active.shadowRoot.activeElement;
  return active as HTMLElement | null;
}
