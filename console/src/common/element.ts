/** The base of every element that draws the picture: drawn anew on its changes, on another language, and as time goes by. */
import { type CSSResultGroup, LitElement } from "lit";
import { localeChanges } from "../i18n";
import { type PictureChange, picture, type Topic } from "../live/store";
import { base } from "../theme/styles";

export abstract class AlmenaraElement extends LitElement {
  static override styles: CSSResultGroup = base;
  /** Which changes of the picture this element is drawn anew for; null: all. */
  protected readonly topics: readonly (Topic | "connection" | "session")[] | null = null;

  private readonly redraw = (): void => this.requestUpdate();
  private readonly onPicture = (event: Event): void => {
    const changed = (event as PictureChange).topics;
    if (this.topics === null || this.topics.some((topic) => changed.has(topic))) this.requestUpdate();
  };

  override connectedCallback(): void {
    super.connectedCallback();
    picture.addEventListener("change", this.onPicture);
    localeChanges.addEventListener("change", this.redraw);
  }

  override disconnectedCallback(): void {
    picture.removeEventListener("change", this.onPicture);
    localeChanges.removeEventListener("change", this.redraw);
    super.disconnectedCallback();
  }
}
