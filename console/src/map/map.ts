/** The map. */
import { html, type TemplateResult } from "lit";
import { customElement } from "lit/decorators.js";
import { AlmenaraElement } from "../common/element";

@customElement("alm-map")
export class AlmMap extends AlmenaraElement {
  protected override render(): TemplateResult {
    return html``;
  }
}
