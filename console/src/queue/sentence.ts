/** A card in one sentence, and the reasons of its place in the queue, from the facts that the service gives. */
import type { Card, CardFacts } from "../api/types";
import { area, distance, magnitude, number, people, roughSpan, span } from "../format/units";
import { t, tCode } from "../i18n";

export function sentence(card: Card, now: number): string {
  switch (card.type) {
    case "incident":
      return `${what(card.facts)}. ${standing(card.facts)}`;
    case "draft":
      return `${what(card.facts)}. ${draft(card.facts)}`;
    case "expiring": {
      const left = card.due ? span(Date.parse(card.due) - now) : "";
      return t("card.expiring", { what: what(card.facts), left });
    }
    case "source":
      return source(card, now);
    case "channel":
      return channel(card.facts);
  }
}

/** "Fire, 12 km², 240 m from Vilcabamba (4,500 people), growing for 3 h" */
export function what(facts: CardFacts): string {
  const parts = [facts.kind === "warning" && facts.hazard_label ? facts.hazard_label : tCode("kind", facts.kind)];
  if (typeof facts.magnitude === "number")
    parts[0] = t("card.magnitude", { what: parts[0] ?? "", magnitude: magnitude(facts.magnitude) });
  if (typeof facts.depth_km === "number") parts.push(t("card.depth", { depth: number(facts.depth_km) }));
  if (typeof facts.area_km2 === "number" && facts.kind === "fire") parts.push(area(facts.area_km2));
  const near = nearness(facts);
  if (near) parts.push(near);
  if (typeof facts.growing_h === "number" && facts.growing_h > 0) {
    parts.push(t("card.growing", { span: roughSpan(facts.growing_h) }));
  }
  return parts.filter(Boolean).join(", ");
}

function nearness(facts: CardFacts): string {
  if (!facts.place)
    return typeof facts.places === "number" && facts.places > 0 ? t("card.places", { n: facts.places }) : "";
  const who = facts.place_population ? ` (${people(facts.place_population)})` : "";
  const others = (facts.places ?? 1) - 1;
  const all = (facts.population ?? 0) > (facts.place_population ?? 0) ? people(facts.population ?? 0) : "";
  const more = others > 0 ? ` ${t(all ? "card.and-more-people" : "card.and-more", { n: others, people: all })}` : "";
  const place = `${facts.place}${who}`;
  if (typeof facts.mmi === "number") return t("card.shaken", { place, mmi: roman(facts.mmi) }) + more;
  if (typeof facts.distance_m !== "number") return t("card.near", { place }) + more;
  if (facts.distance_m < 1) return t("card.at", { place }) + more;
  return t("card.from", { distance: distance(facts.distance_m), place }) + more;
}

function standing(facts: CardFacts): string {
  if (facts.draft) return t("card.draft-ready");
  return facts.in_force ? t("card.warned") : t("card.unwarned");
}

function draft(facts: CardFacts): string {
  const kind = facts.msg_type ?? "Alert";
  const given = facts.approvals?.length ?? 0;
  const missing = (facts.approvals_needed ?? 0) - given;
  if (given > 0 && missing > 0) return t("card.draft-approvals", { kind: tCode("msg", kind), n: missing });
  return t("card.draft-waits", { kind: tCode("msg", kind) });
}

function source(card: Card, now: number): string {
  const { name, state } = card.facts; // feeds of one source share its title
  const who = name || card.subject.id;
  if (state === "failing") return t("card.source-failing", { who });
  if (state === "never") return t("card.source-never", { who });
  return t("card.source-silent", { who, span: span(now - Date.parse(card.since)) });
}

function channel(facts: CardFacts): string {
  const name = facts.name ?? "";
  const rest = [
    facts.waiting ? t("card.waiting", { n: facts.waiting }) : "",
    facts.dead ? t("card.dead", { n: facts.dead }) : "",
  ].filter(Boolean);
  const state = facts.state === "paused" ? t("card.channel-paused", { name }) : t("card.channel-failing", { name });
  return rest.length ? `${state}: ${rest.join(", ")}.` : `${state}.`;
}

/** Mercalli intensities are written in Roman numerals. */
export function roman(mmi: number): string {
  return (
    ["I", "I", "II", "III", "IV", "V", "VI", "VII", "VIII", "IX", "X", "XI", "XII"][
      Math.max(0, Math.min(12, Math.round(mmi)))
    ] ?? ""
  );
}

/** Why a card stands where it stands: each reason of its score in words. */
export function reasons(card: Card): string[] {
  return card.why.map(({ code, value }) => tCode("why", code, { value: worded(code, value) }));
}

function worded(code: string, value: unknown): string {
  if (value === null || value === undefined) return t("why.unknown");
  if (code.endsWith("severity") && typeof value === "string") return tCode("severity", value);
  if (typeof value !== "number") return String(value);
  if (code === "distance_m") return distance(value);
  if (code === "due_h") return span((value + 1) * 3_600_000);
  return number(value, 1);
}
