/** One incident. */
import { html, type TemplateResult } from "lit";
import { customElement } from "lit/decorators.js";
import { AlmenaraElement } from "../common/element";

@customElement("view-incident")
export class IncidentView extends AlmenaraElement {
  protected override render(): TemplateResult {
    return html``;
  }
}
