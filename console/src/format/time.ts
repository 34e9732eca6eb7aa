/** Times: local to the agency on the screen, with the zone said; UTC on hover and in exports. */
import { localeTag } from "../i18n";

const formatters = new Map<string, Intl.DateTimeFormat>();

function formatter(timezone: string, options: Intl.DateTimeFormatOptions): Intl.DateTimeFormat {
  const key = `${localeTag()}|${timezone}|${JSON.stringify(options)}`;
  let found = formatters.get(key);
  if (!found) {
    found = new Intl.DateTimeFormat(localeTag(), { timeZone: timezone, hourCycle: "h23", ...options });
    formatters.set(key, found);
  }
  return found;
}

export function clock(ms: number, timezone: string, seconds = false): string {
  return formatter(timezone, { hour: "2-digit", minute: "2-digit", ...(seconds ? { second: "2-digit" } : {}) }).format(
    ms,
  );
}

export function day(ms: number, timezone: string): string {
  return formatter(timezone, { weekday: "short", day: "numeric", month: "short" }).format(ms);
}

/** "14:32" today, else "3 Sep, 14:32". */
export function moment(ms: number, timezone: string, now: number): string {
  if (dayKey(ms, timezone) === dayKey(now, timezone)) return clock(ms, timezone);
  return formatter(timezone, { day: "numeric", month: "short", hour: "2-digit", minute: "2-digit" }).format(ms);
}

export function dayKey(ms: number, timezone: string): string {
  return formatter(timezone, { year: "numeric", month: "2-digit", day: "2-digit" }).format(ms);
}

/** "UTC−5", "UTC+5:30". */
export function zone(ms: number, timezone: string): string {
  const part = formatter(timezone, { timeZoneName: "shortOffset" })
    .formatToParts(ms)
    .find((each) => each.type === "timeZoneName");
  const offset = (part?.value ?? "").replace(/^GMT/, "").replace("-", "−");
  return offset === "+0" ? "UTC" : `UTC${offset}`;
}

/** "2024-09-03 14:32:05 UTC" */
export function utc(ms: number): string {
  return `${new Date(ms).toISOString().slice(0, 19).replace("T", " ")} UTC`;
}
