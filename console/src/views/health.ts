/** Whether the feeds are heard and the channels deliver; pausing, resuming, sending again and testing a channel. */
import { css, html, nothing, type TemplateResult } from "lit";
import { customElement, state } from "lit/decorators.js";
import { command, get, post } from "../api/client";
import type { Channel, Source } from "../api/types";
import { ask } from "../common/dialog";
import { AlmenaraElement } from "../common/element";
import { attempt } from "../common/notices";
import { span } from "../format/units";
import { t, tCode } from "../i18n";
import { picture } from "../live/store";
import { icon } from "../theme/icons";

interface Trial {
  channel: string;
  recipient: string;
  outcome: string;
  detail: string;
}

interface Rejected {
  at: string;
  origin: string;
  reason: string;
  rows: number;
}

@customElement("view-health")
export class HealthView extends AlmenaraElement {
  static override styles = [
    AlmenaraElement.styles,
    css`
      :host { display: grid; gap: 1.5rem; align-content: start; }
      .scroll { overflow-x: auto; }
      .bad { font-weight: 600; }
      td:nth-child(2) { white-space: nowrap; }
      td .row { flex-wrap: nowrap; }
    `,
  ];
  protected override readonly topics = ["source", "channel", "reset", "session", "clock"] as const;
  @state() private trials: Trial[] = [];
  @state() private quarantine: { name: string; items: Rejected[] } | null = null;

  protected override render(): TemplateResult {
    return html`<h1>${t("health.title")}</h1>
      <section class="stack"><h2>${t("health.feeds")}</h2><p class="soft">${t("health.silence")}</p>
        <div class="scroll" tabindex="0" role="region" aria-label=${t("health.feeds")}><table data-testid="sources"><thead><tr><th>${t("health.feed")}</th><th>${t("health.state")}</th><th>${t("health.last-heard")}</th><th>${t("health.cadence")}</th>
          <th class="number">${t("health.observations")}</th><th class="number">${t("health.rejected")}</th><th>${t("health.detail")}</th></tr></thead>
          <tbody>${[...picture.sources.values()].map((source) => this.renderSource(source))}</tbody></table></div>
        ${this.renderQuarantine()}
      </section>
      <section class="stack"><div class="row"><h2>${t("health.channels")}</h2>${picture.can("channels") ? html`<button data-testid="test-channels" @click=${this.testAll}>${t("health.test")}</button>` : nothing}</div>
        ${this.trials.length ? renderTrials(this.trials) : nothing}
        ${
          picture.channels.size
            ? html`<div class="scroll" tabindex="0" role="region" aria-label=${t("health.channels")}><table data-testid="channels"><thead><tr><th>${t("card.channel")}</th><th>${t("health.state")}</th><th>${t("health.last-success")}</th>
              <th class="number">${t("delivery.have")}</th><th class="number">${t("delivery.wait")}</th><th class="number">${t("delivery.gone")}</th><th>${t("health.detail")}</th><th></th></tr></thead>
              <tbody>${[...picture.channels.values()].map((channel) => this.renderChannel(channel))}</tbody></table></div>`
            : html`<p class="soft">${t("health.no-channels")}</p>`
        }
      </section>`;
  }

  private renderSource(source: Source): TemplateResult {
    const bad = source.state !== "heard";
    return html`<tr data-testid="source" data-state=${source.state} class=${bad ? "bad" : ""}>
      <td>${source.title || source.name}<br><span class="small soft">${source.name} · ${source.attribution}</span></td>
      <td>${icon(bad ? "close" : "check", 14)} ${tCode("source-state", source.state)}</td>
      <td><alm-when at=${source.last_heard} age></alm-when></td>
      <td>${source.cadence_s ? span(source.cadence_s * 1_000) : "–"}</td>
      <td class="number">${source.observations_24h.toLocaleString()}</td>
      <td class="number">${source.quarantined_24h ? html`<button class="quiet" @click=${() => void this.openQuarantine(source.name)}>${source.quarantined_24h.toLocaleString()}</button>` : "0"}</td>
      <td class="small">${source.detail}</td>
    </tr>`;
  }

  private async openQuarantine(name: string): Promise<void> {
    await attempt(async () => {
      const found = await get<{ items: Rejected[] }>(`/sources/${encodeURIComponent(name)}/quarantine`, { limit: 50 });
      this.quarantine = { name, items: found.items };
    });
  }

  private renderQuarantine(): TemplateResult | typeof nothing {
    if (!this.quarantine) return nothing;
    return html`<div class="notice stack"><h3>${t("health.quarantine", { name: this.quarantine.name })}</h3>
      <table><thead><tr><th>${t("health.when")}</th><th>${t("health.reason")}</th><th class="number">${t("health.rows")}</th><th>${t("health.detail")}</th></tr></thead>
      <tbody>${this.quarantine.items.map((each) => html`<tr><td><alm-when at=${each.at}></alm-when></td><td class="mono">${each.reason}</td><td class="number">${each.rows}</td><td class="small">${each.origin}</td></tr>`)}</tbody></table></div>`;
  }

  private renderChannel(channel: Channel): TemplateResult {
    const bad = channel.state !== "well";
    return html`<tr data-testid="channel" data-state=${channel.state} class=${bad ? "bad" : ""}>
      <td>${channel.name}<br><span class="small soft">${channel.plugin} · ${t(`mode.${channel.status}`)}</span></td>
      <td>${icon(bad ? "close" : "check", 14)} ${tCode("channel-state", channel.state)}${channel.paused_by ? html` <span class="small soft">${channel.paused_by}</span>` : nothing}</td>
      <td><alm-when at=${channel.last_success} age></alm-when></td>
      <td class="number">${channel.delivered}</td><td class="number">${channel.waiting}</td><td class="number">${channel.dead}</td>
      <td class="small">${channel.detail}</td>
      <td>${picture.can("channels") ? this.renderDeeds(channel) : nothing}</td>
    </tr>`;
  }

  private renderDeeds(channel: Channel): TemplateResult {
    const paused = channel.state === "paused";
    return html`<span class="row">
      <button @click=${() => void this.turn(channel, paused ? "resume" : "pause")}>${t(paused ? "health.resume" : "health.pause")}</button>
      ${channel.dead ? html`<button @click=${() => void attempt(() => command({ command: "retry", channel: channel.name }), { text: t("health.retried") })}>${t("health.retry")}</button>` : nothing}
    </span>`;
  }

  private readonly testAll = async (): Promise<void> => {
    await attempt(
      async () => {
        this.trials = (await post<{ items: Trial[] }>("/channels/test", {})).items;
      },
      { text: t("health.tested") },
    );
  };

  private async turn(channel: Channel, deed: "pause" | "resume"): Promise<void> {
    const reason = await ask({
      title: t(deed === "pause" ? "health.pause-title" : "health.resume-title", { name: channel.name }),
      label: t("act.reason"),
      confirm: t(deed === "pause" ? "health.pause" : "health.resume"),
    });
    if (reason)
      await attempt(() => command({ command: deed, channel: channel.name, reason }), { text: t("health.done") });
  }
}

function renderTrials(trials: Trial[]): TemplateResult {
  return html`<ul class="notice" data-testid="trials">${trials.map(
    (trial) =>
      html`<li>${trial.channel} ${trial.recipient}: ${trial.outcome ? tCode("trial", trial.outcome) : t("health.not-tested")} <span class="small soft">${trial.detail}</span></li>`,
  )}</ul>`;
}
