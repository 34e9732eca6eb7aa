/** The time bar. */
import { html, type TemplateResult } from "lit";
import { customElement } from "lit/decorators.js";
import { AlmenaraElement } from "../common/element";

@customElement("alm-time-bar")
export class TimeBar extends AlmenaraElement {
  protected override render(): TemplateResult {
    return html``;
  }
}
