/** The situation without a selection: the map alone, and its summary read aloud. */
import { css, html, type TemplateResult } from "lit";
import { customElement } from "lit/decorators.js";
import { AlmenaraElement } from "../common/element";
import { t } from "../i18n";
import { picture } from "../live/store";

@customElement("view-situation")
export class SituationView extends AlmenaraElement {
  static override styles = [AlmenaraElement.styles, css`:host { position: absolute; pointer-events: none; }`];

  protected override render(): TemplateResult {
    const active = [...picture.hazards.values()].filter((hazard) => hazard.state === "active").length;
    const force = [...picture.warnings.values()].filter((warning) => warning.state === "in-force").length;
    return html`<h1 class="visually-hidden">${t("situation.summary", { hazards: active, warnings: force })}</h1>`;
  }
}
