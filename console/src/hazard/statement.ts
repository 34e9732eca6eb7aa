/** What is known of a hazard, how sure, since when and by whom: each statement with its age and origin. */
import type { Hazard } from "../api/types";
import { area, magnitude, number, roughSpan, span } from "../format/units";
import { localeTag, t, tCode } from "../i18n";

/** "Fire, 12 km², growing for 3 h" */
export function heading(hazard: Hazard): string {
  const kind = tCode("kind", hazard.kind);
  if (hazard.magnitude !== null) {
    const quake = t("card.magnitude", { what: kind, magnitude: magnitude(hazard.magnitude) });
    return hazard.depth_km === null ? quake : `${quake}, ${t("card.depth", { depth: number(hazard.depth_km) })}`;
  }
  const parts = [hazard.label && hazard.kind === "warning" ? hazard.label : kind];
  if (hazard.area_km2 !== null) parts.push(area(hazard.area_km2));
  if (hazard.growing_h) parts.push(t("card.growing", { span: roughSpan(hazard.growing_h) }));
  return parts.join(", ");
}

/** "Seen 2 h 14 min ago by NOAA-20 and Suomi NPP, nominal confidence." */
export function seen(hazard: Hazard, now: number): string {
  const who = hazard.platforms.length
    ? new Intl.ListFormat(localeTag(), { type: "conjunction" }).format(hazard.platforms)
    : t("hazard.unnamed");
  const age = span(now - Date.parse(hazard.last_seen));
  const sure = hazard.confidence ? tCode("confidence", hazard.confidence) : "";
  return t("hazard.seen", { span: age, who, sure });
}

/** An incident's reason, such as "distance:240", in words. */
export function reason(code: string): string {
  const [name = "", value = ""] = code.split(":");
  const count = Number(value);
  return tCode(
    "reason",
    name,
    Number.isFinite(count) && value !== ""
      ? { n: count, value: number(count, 1) }
      : { value: tCode("certainty", value) },
  );
}
