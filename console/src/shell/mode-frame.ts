/** The frame of the window: plain when it is real, a wide hatched band with the word when it is an exercise or a test. */
import { css, html, type TemplateResult } from "lit";
import { customElement } from "lit/decorators.js";
import { AlmenaraElement } from "../common/element";
import { language, t } from "../i18n";
import { picture } from "../live/store";

@customElement("alm-mode-frame")
export class ModeFrame extends AlmenaraElement {
  static override styles = [
    AlmenaraElement.styles,
    css`
      :host { display: block; height: 100%; }
      .frame { height: 100%; }
      .Exercise, .Test { display: grid; grid-template-rows: 1.75rem minmax(0, 1fr) 0.75rem; padding: 0 0.75rem;
        background: repeating-linear-gradient(-45deg, var(--mode) 0 10px, var(--mode-ground) 10px 24px); }
      .Exercise { --mode: var(--exercise); --mode-ground: var(--exercise-ground); }
      .Test { --mode: var(--test); --mode-ground: var(--test-ground); }
      .band { display: flex; justify-content: space-around; align-items: center; overflow: hidden; height: 1.75rem; }
      .band span { padding: 0 0.9rem; background: var(--mode-ground); color: var(--mode); font-weight: 700; letter-spacing: 0.12em; font-size: var(--size-s);
        line-height: 1.75rem; white-space: nowrap; }
      .inside { min-height: 0; min-width: 0; background: var(--ground); }
      .Actual .inside { height: 100%; }
      @media print {
        .frame, .frame .inside { display: block; height: auto; background: none; }
        .band { position: fixed; top: 0; left: 0; right: 0; border: 2px solid #000; }
        .band span { color: #000; background: #fff; }
        .Exercise .inside, .Test .inside { margin-top: 2.5rem; }
      }
    `,
  ];
  protected override readonly topics = ["session", "clock"] as const;

  protected override render(): TemplateResult {
    const mode = picture.mode;
    const status = mode?.status ?? "Actual";
    if (status === "Actual") return html`<div class="frame Actual"><div class="inside"><slot></slot></div></div>`;
    const word = t(`mode.${status}`).toUpperCase();
    const drill = mode?.drill?.title[language()];
    return html`<div class="frame ${status}" data-testid="mode-${status}">
      <div class="band" role="region" aria-label=${word}><span aria-hidden="true">${word}</span><span>${word}${drill ? ` · ${drill}` : ""}</span><span aria-hidden="true">${word}</span></div>
      <div class="inside"><slot></slot></div>
    </div>`;
  }
}
