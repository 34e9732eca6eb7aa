/** One message: its life and what may be done with it, its area on the map, and how the public has it; live while deliveries come in. */
import { css, html, nothing, type PropertyValues, type TemplateResult } from "lit";
import { customElement, property, state } from "lit/decorators.js";
import { ApiError, command, get } from "../api/client";
import type { Command, Warning, WarningDetail } from "../api/types";
import { ask } from "../common/dialog";
import { AlmenaraElement } from "../common/element";
import { attempt, explain } from "../common/notices";
import { people } from "../format/units";
import { language, t, tCode } from "../i18n";
import { picture } from "../live/store";
import { openDraft } from "../queue/acts";
import { Keys } from "../shell/keys";
import { go, link } from "../shell/router";
import { icon, severityIcon } from "../theme/icons";
import "../warning/area-map";
import "../warning/as-public";
import "../warning/hold";
import { stateInWords } from "./warnings";

@customElement("view-warning")
export class WarningView extends AlmenaraElement {
  static override styles = [
    AlmenaraElement.styles,
    css`
      :host { display: grid; gap: 1rem; align-content: start; }
      .three { display: grid; grid-template-columns: repeat(auto-fit, minmax(17.5rem, 1fr)); gap: 1.25rem; align-items: start; }
      h1 { display: flex; gap: 0.5rem; align-items: baseline; }
      .checks li { display: flex; gap: 0.5rem; align-items: baseline; }
      .checks svg { flex: none; }
      .checks .bad { color: var(--extreme); font-weight: 600; }
      del { background: var(--extreme-ground); text-decoration-thickness: 1px; }
      ins { background: var(--minor-ground); text-decoration: none; }
      .difference td { overflow-wrap: anywhere; white-space: pre-line; }
      .scroll { overflow-x: auto; }
    `,
  ];
  @property({ attribute: false }) params: Record<string, string> = {};
  @property({ attribute: false }) query = new URLSearchParams();
  @state() private warning: WarningDetail | null = null;
  @state() private lastArea: GeoJSON.MultiPolygon | null = null;
  @state() private footprints: GeoJSON.Geometry[] = [];
  @state() private fault = "";
  protected override readonly topics = ["warning", "reset", "session"] as const;
  private shown: Warning | undefined;

  constructor() {
    super();
    new Keys(this, [
      {
        key: "u",
        label: "act.update",
        group: "keys.warning",
        run: () => void this.sendUpdate(),
        when: () => this.may("update"),
      },
      {
        key: "c",
        label: "act.cancel",
        group: "keys.warning",
        run: () => void this.cancel(),
        when: () => this.may("cancel"),
      },
      {
        key: "r",
        label: "warning.reject",
        group: "keys.warning",
        run: () => void this.reject(),
        when: () => this.may("reject"),
      },
    ]);
  }

  private get identifier(): string {
    return this.params["id"] ?? "";
  }

  protected override willUpdate(changed: PropertyValues): void {
    // Whatever the stream says of this message is fetched whole: texts and area are not in its summary.
    const told = picture.warnings.get(this.identifier);
    if (changed.has("params") || told !== this.shown) {
      this.shown = told;
      void this.fetch();
    }
  }

  private async fetch(): Promise<void> {
    const identifier = this.identifier;
    try {
      const found = await get<WarningDetail>(`/warnings/${encodeURIComponent(identifier)}`);
      if (identifier !== this.identifier) return;
      this.warning = found;
      this.fault = "";
      await this.fetchAround(found);
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
      this.fault = error.status === 404 ? t("warning.missing", { id: identifier }) : explain(error);
    }
  }

  private async fetchAround(warning: WarningDetail): Promise<void> {
    const last = [...picture.warnings.values()].find(
      (each) => each.thread === warning.thread && each.identifier !== warning.identifier && each.state === "in-force",
    );
    this.lastArea = last ? (await get<WarningDetail>(`/warnings/${encodeURIComponent(last.identifier)}`)).area : null;
    const shapes = await Promise.all(
      this.hazards(warning).map((id) =>
        get<GeoJSON.Feature>(`/hazards/${encodeURIComponent(id)}/footprint`).catch(() => null),
      ),
    );
    this.footprints = shapes.flatMap((shape) => (shape?.geometry ? [shape.geometry] : []));
  }

  /** What it warns of, as far as it is drawn. */
  private hazards(warning: Warning): readonly string[] {
    return (picture.incidents.get(warning.incident ?? "")?.hazards ?? []).slice(0, 20);
  }

  protected override render(): TemplateResult {
    if (this.fault) return html`<p class="notice fault" role="alert">${this.fault}</p>`;
    const warning = this.warning;
    if (!warning) return html`<p class="soft" role="status">${t("shell.starting")}</p>`;
    const info = warning.info.find((each) => each.language.startsWith(language())) ?? warning.info[0];
    return html`<div>
        <a href="#/warnings">${t("nav.warnings")}</a>
        <h1 data-testid="warning" data-state=${warning.state}><span class="severity ${warning.severity}">${severityIcon(warning.severity, 20)}</span>${info?.headline ?? warning.event}</h1>
        <p><b>${tCode("msg-type", warning.msg_type)}</b> · ${stateInWords(warning)} · ${tCode("severity", warning.severity)}, ${tCode("urgency", warning.urgency)}, ${tCode("certainty", warning.certainty)}${this.hazards(warning).map((id) => html` · <a href=${link("hazards", id)} data-testid="evidence">${t("warning.evidence")}</a>`)}</p>
        ${warning.reasons.length ? html`<p class="soft" data-testid="reasons">${t("warning.why")} ${warning.reasons.map((reason) => tCode("draft-reason", reason)).join("; ")}</p>` : nothing}
      </div>
      <div class="three">
        <section class="stack">${this.renderDeeds(warning)}${warning.state === "draft" ? [renderChecks(warning), renderLife(warning)] : [renderLife(warning), renderChecks(warning)]}</section>
        <section class="stack"><h2>${t("warning.area")}</h2>
          <alm-area-map .area=${warning.area} .lastArea=${this.lastArea} .footprints=${this.footprints}></alm-area-map>${renderReach(warning)}</section>
        <section class="stack"><h2>${t("warning.as-public")}</h2><alm-as-public .warning=${warning}></alm-as-public>
          <a class="small" href=${warning.xml_url} download="${warning.identifier}.xml">${t("warning.xml")}</a></section>
      </div>
      ${renderDifference(warning)}`;
  }

  private may(deed: "approve" | "reject" | "update" | "cancel" | "all-clear"): boolean {
    const warning = this.warning;
    if (!warning || !picture.can(deed)) return false;
    const waits = warning.state === "draft";
    return deed === "approve" || deed === "reject" ? waits : warning.state === "in-force";
  }

  private renderDeeds(warning: WarningDetail): TemplateResult {
    const me = picture.session?.person.name ?? "";
    const given =
      warning.approvals.some((each) => each.by === me) || (warning.drafted.by === me && warning.approvals_needed > 1);
    const ready = warning.checks.every((check) => check.ok);
    const left = warning.approvals_needed - warning.approvals.length;
    return html`<div class="stack" role="group" aria-label=${t("warning.deeds")}>
      ${
        this.may("approve")
          ? given
            ? html`<p class="notice" data-testid="second-person">${t("warning.second-person")}</p>`
            : html`<alm-hold data-testid="approve" label=${left > 1 ? t("warning.approve-first") : t("warning.approve-send")} ?disabled=${!ready} @held=${this.approve}></alm-hold>
              ${warning.status === "Actual" ? nothing : html`<p class="small soft">${t("warning.not-actual", { status: t(`mode.${warning.status}`) })}</p>`}`
          : nothing
      }
      ${this.may("reject") ? html`<button @click=${this.reject} data-testid="reject">${t("warning.reject")} <kbd>r</kbd></button>` : nothing}
      ${
        this.may("update")
          ? html`<button @click=${this.sendUpdate} data-testid="update">${t("act.update")} <kbd>u</kbd></button>
        <a class="button" href="${link("compose")}?thread=${encodeURIComponent(warning.thread)}">${t("warning.reword")}</a>`
          : nothing
      }
      ${this.may("cancel") ? html`<button @click=${this.cancel} data-testid="cancel">${t("act.cancel")} <kbd>c</kbd></button>` : nothing}
      ${this.may("all-clear") ? html`<button @click=${this.allClear} data-testid="all-clear">${t("warning.all-clear")}</button>` : nothing}
    </div>`;
  }

  private readonly approve = async (): Promise<void> => {
    await attempt(() => command({ command: "approve", identifier: this.identifier }), { text: t("warning.approved") });
    await this.fetch();
  };

  private readonly reject = async (): Promise<void> => {
    const reason = await ask({
      title: t("warning.reject-title"),
      detail: t("warning.reject-detail"),
      label: t("act.reason"),
      confirm: t("warning.reject"),
    });
    if (
      reason &&
      (await attempt(() => command({ command: "reject", identifier: this.identifier, reason }), {
        text: t("warning.rejected"),
      }))
    )
      go("#/warnings");
  };

  private readonly sendUpdate = (): Promise<unknown> =>
    this.draft({ command: "update", thread: this.warning?.thread ?? "" });

  private readonly allClear = (): Promise<unknown> =>
    this.draft({ command: "all-clear", thread: this.warning?.thread ?? "" });

  private readonly cancel = async (): Promise<void> => {
    const reason = await ask({
      title: t("act.cancel.title"),
      detail: t("act.cancel.detail"),
      label: t("act.reason"),
      confirm: t("act.cancel.do"),
    });
    if (reason) await this.draft({ command: "cancel", thread: this.warning?.thread ?? "", reason });
  };

  private async draft(what: Command): Promise<void> {
    await attempt(async () => openDraft(await command(what)));
  }
}

export function renderChecks(warning: WarningDetail): TemplateResult {
  return html`<div class="stack"><h2>${t("warning.checks")}</h2><ul class="checks stack">
    ${warning.checks.map(
      (
        check,
      ) => html`<li class=${check.ok ? "" : "bad"} data-testid="check" data-ok=${check.ok}>${icon(check.ok ? "check" : "close", 14)}
        <span>${tCode("check", check.name)}${check.detail ? html` <span class="small soft">${check.detail}</span>` : nothing}
        <span class="visually-hidden">${check.ok ? t("warning.ok") : t("warning.not-ok")}</span></span></li>`,
    )}
  </ul></div>`;
}

export function renderReach(warning: WarningDetail): TemplateResult {
  const say = (count: number | null): string => (count === null ? t("why.unknown") : people(count));
  return html`<dl class="facts small">
    <dt>${t("warning.vertices")}</dt><dd>${warning.vertices} / 100</dd>
    <dt>${t("warning.people-exposed")}</dt><dd>${say(warning.people_exposed)}</dd>
    <dt>${t("warning.people-inside")}</dt><dd>${say(warning.people_inside)}</dd>
    <dt>${t("warning.people-without-need")}</dt><dd>${say(warning.people_without_need)}</dd>
  </dl>`;
}

function renderLife(warning: WarningDetail): TemplateResult {
  return html`<div class="stack"><h2>${t("warning.life")}</h2>
    <dl class="facts small">
      <dt>${t("warnings.drafted")}</dt><dd><alm-when at=${warning.drafted.at}></alm-when> · ${warning.drafted.by}</dd>
      ${warning.approvals.map((each) => html`<dt>${t("warning.approved-by")}</dt><dd><alm-when at=${each.at}></alm-when> · ${each.by}</dd>`)}
      ${warning.sent ? html`<dt>${t("warnings.said")}</dt><dd><alm-when at=${warning.sent}></alm-when></dd>` : nothing}
      <dt>${t("warnings.until")}</dt><dd><alm-when at=${warning.expires}></alm-when></dd>
    </dl>
    ${
      Object.keys(warning.deliveries).length
        ? html`<h3>${t("warnings.delivery")}</h3><table data-testid="receipts"><thead><tr><th>${t("card.channel")}</th><th class="number">${t("delivery.have")}</th><th class="number">${t("delivery.wait")}</th><th class="number">${t("delivery.gone")}</th></tr></thead>
          <tbody>${Object.entries(warning.deliveries).map(
            ([name, d]) =>
              html`<tr><td>${name}</td><td class="number">${d.delivered ?? 0}</td><td class="number">${(d.waiting ?? 0) + (d.failed ?? 0)}</td><td class="number">${(d.dead ?? 0) + (d.refused ?? 0)}</td></tr>`,
          )}</tbody></table>`
        : nothing
    }
  </div>`;
}

function renderDifference(warning: WarningDetail): TemplateResult | typeof nothing {
  const rows = warning.difference;
  if (!rows) return nothing;
  return html`<section class="stack"><h2>${t("warning.difference")}</h2>
    ${
      rows.length
        ? html`<div class="scroll" tabindex="0" role="region" aria-label=${t("warning.difference")}><table class="difference" data-testid="difference"><thead><tr><th>${t("warning.field")}</th><th>${t("warning.was")}</th><th>${t("warning.becomes")}</th></tr></thead>
          <tbody>${rows.map((d) => html`<tr><td>${d.field}${d.language ? html` <span class="soft">${d.language}</span>` : nothing}</td><td><del>${d.before}</del></td><td><ins>${d.after}</ins></td></tr>`)}</tbody></table></div>`
        : html`<p class="soft">${t("warning.no-difference")}</p>`
    }</section>`;
}
