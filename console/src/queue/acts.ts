/** What can be done with a card or a hazard: acknowledge, warn, update, cancel, say that it is no hazard; with undo where that is safe. */
import { command } from "../api/client";
import type { Card, Command, Said } from "../api/types";
import { ask, confirm } from "../common/dialog";
import { attempt, say } from "../common/notices";
import { t } from "../i18n";
import { picture } from "../live/store";
import { go, link } from "../shell/router";

/** The hazard that a card is about, if it is about one. */
export function hazardOf(card: Card): string | null {
  if (card.subject.type === "hazard") return card.subject.id;
  if (typeof card.facts.hazard === "string") return card.facts.hazard;
  const incident = incidentOf(card);
  return (incident && picture.incidents.get(incident)?.hazards.at(-1)) ?? null;
}

/** All hazards that a card is about: those of its incident, else the one. */
export function hazardsOf(card: Card): readonly string[] {
  const all = picture.incidents.get(incidentOf(card) ?? "")?.hazards;
  const one = hazardOf(card);
  return all?.length ? all : one ? [one] : [];
}

export function incidentOf(card: Card): string | null {
  if (card.subject.type === "incident") return card.subject.id;
  if (typeof card.facts.incident === "string") return card.facts.incident;
  return (warningOf(card) && picture.warnings.get(warningOf(card) ?? "")?.incident) ?? null;
}

function warningOf(card: Card): string | null {
  return card.subject.type === "warning" ? card.subject.id : (card.facts.identifier ?? card.facts.draft ?? null);
}

function threadOf(card: Card): string | null {
  if (card.facts.thread) return card.facts.thread;
  const identifier = warningOf(card);
  const known = identifier ? picture.warnings.get(identifier)?.thread : undefined;
  if (known) return known;
  const incident = incidentOf(card);
  return [...picture.warnings.values()].find((w) => w.incident === incident && w.state === "in-force")?.thread ?? null;
}

/** Where a card leads. */
export function open(card: Card): void {
  const address = addressOf(card);
  if (address) go(address);
}

function addressOf(card: Card): string | null {
  if (card.type === "source" || card.type === "channel") return link("health");
  const identifier = warningOf(card);
  if (card.type === "draft" && identifier) return link("warnings", identifier);
  const hazard = hazardOf(card);
  if (hazard) return link("hazards", hazard);
  const incident = incidentOf(card);
  return incident ? link("incidents", incident) : null;
}

export async function acknowledge(card: Card): Promise<void> {
  if (card.acknowledged) return;
  const what = acknowledgement(card);
  if (what) await attempt(() => command(what), { text: t("act.acknowledged") });
}

export function acknowledgement(card: Card): Command | null {
  if (card.type === "source") return { command: "acknowledge", source: card.subject.id };
  if (card.type === "channel") return { command: "acknowledge", channel: card.subject.id };
  const incident = incidentOf(card);
  return incident ? { command: "acknowledge", incident } : null;
}

/** To the draft that is ready, else to the composer. */
export function warn(card: Card): void {
  const identifier = card.type === "draft" ? warningOf(card) : (card.facts.draft ?? null);
  const incident = incidentOf(card);
  const hazard = hazardOf(card);
  if (identifier) go(link("warnings", identifier));
  else if (incident) go(`${link("compose")}?incident=${encodeURIComponent(incident)}`);
  else if (hazard) go(`${link("compose")}?hazard=${encodeURIComponent(hazard)}`);
}

export async function update(card: Card): Promise<void> {
  const thread = threadOf(card);
  if (!thread) {
    say({ text: t("act.nothing-in-force"), fault: true });
    return;
  }
  await attempt(async () => openDraft(await command({ command: "update", thread })));
}

export async function allClear(card: Card): Promise<void> {
  const thread = threadOf(card);
  if (!thread) {
    say({ text: t("act.nothing-in-force"), fault: true });
    return;
  }
  const sure = await confirm({
    title: t("act.all-clear.title"),
    detail: t("act.all-clear.detail"),
    confirm: t("act.all-clear.do"),
  });
  if (sure) await attempt(async () => openDraft(await command({ command: "all-clear", thread })));
}

export async function cancel(card: Card): Promise<void> {
  const thread = threadOf(card);
  if (!thread) {
    say({ text: t("act.nothing-in-force"), fault: true });
    return;
  }
  const reason = await ask({
    title: t("act.cancel.title"),
    detail: t("act.cancel.detail"),
    label: t("act.reason"),
    confirm: t("act.cancel.do"),
  });
  if (reason) await attempt(async () => openDraft(await command({ command: "cancel", thread, reason })));
}

/** A person says that this is no hazard. Kept as a label, with its reason; can be taken back. */
export async function dismiss(hazards: readonly string[]): Promise<void> {
  const reason = await ask({
    title: t("act.dismiss.title"),
    detail: t("act.dismiss.detail"),
    label: t("act.reason"),
    suggestions: [t("act.dismiss.industry"), t("act.dismiss.burn"), t("act.dismiss.false")],
    confirm: t("act.dismiss.do"),
  });
  if (!reason) return;
  const label = (hazard: string): Promise<Said> => command({ command: "label", hazard, label: "not-a-hazard", reason });
  await attempt(() => Promise.all(hazards.map(label)), {
    text: t("act.dismissed"),
    undo: () => undismiss(hazards),
  });
}

export async function undismiss(hazards: readonly string[]): Promise<void> {
  await attempt(() => Promise.all(hazards.map((hazard) => command({ command: "unlabel", hazard }))), {
    text: t("act.undone"),
  });
}

/** What a command drafted waits for approval: there one goes next. */
export function openDraft(answer: Said): void {
  const identifier = answer.said.find((event) => event.kind === "WarningDrafted")?.identifier;
  if (identifier) go(link("warnings", identifier));
}
