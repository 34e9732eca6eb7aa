/** One hazard. */
import { html, type TemplateResult } from "lit";
import { customElement } from "lit/decorators.js";
import { AlmenaraElement } from "../common/element";

@customElement("view-hazard")
export class HazardView extends AlmenaraElement {
  protected override render(): TemplateResult {
    return html``;
  }
}
