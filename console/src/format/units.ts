/** Distances, areas, people, power and lengths of time in words, as people say them. */
import { localeTag, t } from "../i18n";

const THIN = "\u202f";

export function number(value: number, digits = 0): string {
  return value.toLocaleString(localeTag(), { maximumFractionDigits: digits, minimumFractionDigits: 0 });
}

/** 240 m, 1.4 km, 35 km. */
export function distance(metres: number): string {
  if (metres < 1_000) return `${number(Math.round(metres / 10) * 10 || Math.round(metres))}${THIN}m`;
  return `${number(metres / 1_000, metres < 10_000 ? 1 : 0)}${THIN}km`;
}

/** 4 ha, 0.7 km², 12 km². */
export function area(km2: number): string {
  if (km2 < 0.1) return `${number(Math.max(1, Math.round(km2 * 100)))}${THIN}ha`;
  return `${number(km2, km2 < 10 ? 1 : 0)}${THIN}km²`;
}

export function power(mw: number): string {
  return `${number(mw, mw < 10 ? 1 : 0)}${THIN}MW`;
}

/** Magnitudes have one decimal, also when it is 0. */
export function magnitude(value: number): string {
  return value.toLocaleString(localeTag(), { minimumFractionDigits: 1, maximumFractionDigits: 1 });
}

/** Large counts of people are rounded: nobody has counted them to the last. */
export function people(count: number): string {
  const rounded = count < 1_000 ? count : Number(count.toPrecision(3));
  return t("unit.people", { n: rounded });
}

/** 45 s, 12 min, 2 h 14 min, 3 d 4 h: two parts at most. */
export function span(ms: number): string {
  const seconds = Math.max(0, Math.floor(ms / 1_000));
  const minutes = Math.floor(seconds / 60);
  const hours = Math.floor(minutes / 60);
  const days = Math.floor(hours / 24);
  if (seconds < 60) return `${seconds}${THIN}s`;
  if (minutes < 60) return `${minutes}${THIN}min`;
  if (hours < 48) return minutes % 60 ? `${hours}${THIN}h ${minutes % 60}${THIN}min` : `${hours}${THIN}h`;
  return hours % 24 ? `${days}${THIN}d ${hours % 24}${THIN}h` : `${days}${THIN}d`;
}

/** A length of time that is known by passes of satellites: whole hours from three on. */
export function roughSpan(hours: number): string {
  return span((hours >= 3 ? Math.round(hours) : hours) * 3_600_000);
}

/** "2 h 14 min ago", "in 40 min". */
export function ago(ms: number, now: number): string {
  const gone = now - ms;
  if (Math.abs(gone) < 5_000) return t("time.now");
  return gone > 0 ? t("time.ago", { span: span(gone) }) : t("time.in", { span: span(-gone) });
}

/** Decimal degrees with hemispheres: 3.9931° S, 79.2042° W. */
export function position(lon: number, lat: number, digits = 4): string {
  const one = (value: number, plus: string, minus: string): string =>
    `${Math.abs(value).toLocaleString(localeTag(), { minimumFractionDigits: digits, maximumFractionDigits: digits })}° ${value < 0 ? minus : plus}`;
  return `${one(lat, "N", "S")}, ${one(lon, t("compass.east"), t("compass.west"))}`;
}
