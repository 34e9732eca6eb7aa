/** The decision queue: what needs a person now, most urgent first, each in one sentence; walked by j and k. */
import { css, html, nothing, type PropertyValues, type TemplateResult } from "lit";
import { customElement, state } from "lit/decorators.js";
import { repeat } from "lit/directives/repeat.js";
import type { Action, Card } from "../api/types";
import { AlmenaraElement } from "../common/element";
import { type Key, t } from "../i18n";
import { picture } from "../live/store";
import { Keys } from "../shell/keys";
import { icon, kindIcon, severityIcon } from "../theme/icons";
import { acknowledge, allClear, cancel, dismiss, hazardsOf, open, update, warn } from "./acts";
import { reasons, sentence } from "./sentence";

interface Act {
  name: string;
  key: string;
  label: Key;
  action: Action;
  run(card: Card): unknown;
}

const ACTS: readonly Act[] = [
  { name: "open", key: "Enter", label: "act.open", action: "read", run: open },
  { name: "acknowledge", key: "a", label: "act.acknowledge", action: "acknowledge", run: acknowledge },
  { name: "warn", key: "w", label: "act.warn", action: "draft", run: warn },
  { name: "update", key: "u", label: "act.update", action: "update", run: update },
  { name: "all-clear", key: "e", label: "act.all-clear", action: "all-clear", run: allClear },
  { name: "cancel", key: "c", label: "act.cancel", action: "cancel", run: cancel },
  {
    name: "label",
    key: "n",
    label: "act.dismiss",
    action: "label",
    run: (card) => dismiss(hazardsOf(card)),
  },
];

@customElement("alm-queue")
export class Queue extends AlmenaraElement {
  static override styles = [
    AlmenaraElement.styles,
    css`
      :host { display: flex; flex-direction: column; background: var(--panel); }
      .head { display: flex; align-items: baseline; justify-content: space-between; padding: 0.7rem 0.9rem 0.55rem; border-bottom: 1px solid var(--line); }
      .head h2 { font-size: 1rem; }
      ol { flex: 1; overflow: auto; min-height: 0; }
      li { border-bottom: 1px solid var(--line); border-left: 4px solid transparent; padding: 0.65rem 0.9rem 0.7rem 0.65rem; cursor: pointer; }
      li:hover { background: var(--raised); }
      li[aria-current="true"] { background: var(--select-ground); border-left-color: var(--select); }
      .top { display: flex; align-items: center; justify-content: space-between; gap: 0.5rem; font-size: var(--size-s); }
      .sentence { margin-top: 0.2rem; line-height: 1.45; overflow-wrap: anywhere; }
      .sentence a { color: inherit; text-decoration: none; display: block; }
      .done .sentence { color: var(--soft); }
      .acts { display: flex; flex-wrap: wrap; gap: 0.3rem; margin-top: 0.5rem; }
      .acts button { min-height: 1.75rem; padding: 0.05rem 0.5rem; font-size: var(--size-s); }
      details { margin-top: 0.4rem; font-size: var(--size-s); color: var(--soft); }
      summary { cursor: pointer; width: max-content; }
      .acts + details li { all: unset; display: list-item; }
      details ul { padding: 0.15rem 0 0 1rem; list-style: disc; }
      .empty { padding: 1.5rem 1rem; color: var(--soft); }
      .alarm { display: inline-flex; gap: 0.3rem; align-items: center; font-weight: 600; color: var(--text); }
      .top svg { flex: none; }
      .subject { display: inline-flex; gap: 0.35rem; align-items: center; font-weight: 600; color: var(--soft); }
    `,
  ];
  protected override readonly topics = ["queue", "connection", "session", "incident", "warning"] as const;
  @state() private selected = "";
  private index = 0;
  private touched = false; // until somebody chooses, the most urgent card is chosen
  private moved = false;

  constructor() {
    super();
    new Keys(this, [
      { key: "j", label: "key.next", group: "keys.queue", run: () => this.move(1) },
      { key: "k", label: "key.previous", group: "keys.queue", run: () => this.move(-1) },
      ...ACTS.map((act) => ({
        key: act.key,
        label: act.label,
        group: "keys.queue" as const,
        run: () => {
          const card = this.card;
          if (card) act.run(card);
        },
        when: () => !!this.card && offers(this.card, act),
      })),
    ]);
  }

  private get card(): Card | undefined {
    return picture.queue.find((card) => card.id === this.selected);
  }

  private move(step: number): void {
    const next = picture.queue[Math.max(0, Math.min(picture.queue.length - 1, this.index + step))];
    if (!next) return;
    this.touched = true;
    this.selected = next.id;
    this.moved = true;
    this.dispatchEvent(new CustomEvent("card-selected", { detail: next, bubbles: true, composed: true }));
  }

  /** The selection stays with its card; when that is gone, with its place in the queue. */
  protected override willUpdate(_: PropertyValues): void {
    if (!this.touched) this.selected = picture.queue[0]?.id ?? "";
    const at = picture.queue.findIndex((card) => card.id === this.selected);
    this.index = at >= 0 ? at : Math.max(0, Math.min(this.index, picture.queue.length - 1));
    if (at < 0) this.selected = picture.queue[this.index]?.id ?? "";
  }

  protected override updated(): void {
    if (!this.moved) return;
    this.moved = false;
    const item = this.renderRoot.querySelector<HTMLElement>("li[aria-current='true']");
    item?.scrollIntoView({ block: "nearest" });
    item?.querySelector<HTMLElement>("a")?.focus({ preventScroll: true });
  }

  protected override render(): TemplateResult {
    const cards = picture.queue;
    return html`<div class="head"><h2 id="title">${t("queue.title")}</h2><span class="small soft">${t("queue.count", { n: cards.length })}</span></div>
      ${
        cards.length
          ? html`<ol aria-labelledby="title" data-testid="queue">${repeat(
              cards,
              (card) => card.id,
              (card) => this.renderCard(card),
            )}</ol>`
          : html`<p class="empty">${picture.stale ? t("queue.unknown") : t("queue.empty")}</p>`
      }`;
  }

  private renderCard(card: Card): TemplateResult {
    const chosen = card.id === this.selected;
    return html`<li class="${card.severity ?? ""} ${card.acknowledged ? "done" : ""}" aria-current=${chosen} data-testid="card" data-type=${card.type}
        @click=${() => this.choose(card)}>
      <div class="top">
        ${this.renderKind(card)}
        ${card.alarm && !card.acknowledged ? html`<span class="alarm">${icon("bell", 14)} ${t("alarm.sounds")}</span>` : nothing}
        <span class="soft"><alm-when at=${card.since} age></alm-when></span>
      </div>
      <p class="sentence"><a href="#" aria-current=${chosen ? "true" : "false"} @click=${(event: Event) => this.opened(event, card)}>${sentence(card, picture.now())}</a></p>
      ${card.acknowledged ? html`<p class="small soft">${t("queue.acknowledged", { by: card.acknowledged.by })} <alm-when at=${card.acknowledged.at}></alm-when></p>` : nothing}
      ${chosen ? this.renderActs(card) : nothing}
    </li>`;
  }

  /** How grave it is, in CAP's word; of an incident about which nothing is said yet, its priority. */
  private renderKind(card: Card): TemplateResult {
    if (card.severity)
      return html`<span class="severity">${severityIcon(card.severity)} ${t(`severity.${card.severity}`)}</span>`;
    const kind = card.type === "incident" ? (card.facts.kind ?? "bell") : card.type;
    const word =
      card.type === "incident"
        ? t("card.incident", { priority: card.priority })
        : t(card.type === "channel" ? "card.channel" : "card.source");
    return html`<span class="subject">${kindIcon(kind)} ${word}</span>`;
  }

  private choose(card: Card): void {
    this.touched = true;
    this.selected = card.id;
  }

  private opened(event: Event, card: Card): void {
    event.preventDefault();
    this.choose(card);
    open(card);
  }

  private renderActs(card: Card): TemplateResult {
    return html`<div class="acts">
        ${ACTS.filter((act) => offers(card, act)).map(
          (act) =>
            html`<button data-testid="act-${act.name}" @click=${() => act.run(card)}>${t(act.name === "warn" && card.type === "draft" ? "act.review" : act.label)} <kbd aria-hidden="true">${act.key === "Enter" ? "↵" : act.key}</kbd></button>`,
        )}
      </div>
      ${
        card.why.length
          ? html`<details><summary>${t("queue.why")}</summary><ul>${reasons(card).map((reason) => html`<li class="reason">${reason}</li>`)}</ul></details>`
          : nothing
      }`;
  }
}

/** Whether a card offers an act to who is signed in: the service names what the card allows, the role what the person may. */
function offers(card: Card, act: Act): boolean {
  if (act.name === "open") return true;
  if (act.name === "acknowledge") {
    return !card.acknowledged && (card.alarm || card.actions.includes("acknowledge")) && picture.can("acknowledge");
  }
  if (act.name === "warn" && card.type === "draft") return picture.can("approve") || picture.can("reject");
  return card.actions.includes(act.name) && picture.can(act.action);
}
