/** The service's JSON, as /api/v1 says it: times ISO 8601 UTC, distances metres, positions [lon, lat], null for unknown. */

export type Iso = string;
export type Position = [number, number];
export type Box = [number, number, number, number];
export type Language = "es" | "en";
export type Severity = "Extreme" | "Severe" | "Moderate" | "Minor" | "Unknown";
export type Status = "Actual" | "Exercise" | "Test";
export type Confidence = "low" | "nominal" | "high";

export interface Mode {
  status: Status;
  drill: { scenario: string; title: Partial<Record<Language, string>>; speed: number; ends: Iso } | null;
  now: Iso;
  timezone: string;
  sender: string;
}

export type Action =
  | "read"
  | "acknowledge"
  | "label"
  | "draft"
  | "reject"
  | "update"
  | "cancel"
  | "all-clear"
  | "approve"
  | "channels"
  | "places"
  | "people"
  | "keys"
  | "audit";

export interface Session {
  person: {
    name: string;
    display_name: string;
    language: Language;
    grants: { role: string; area: string }[];
    passkeys: number;
  };
  actions: Action[];
  csrf: string;
  mode: Mode;
  version: string;
}

export interface ByAt {
  by: string;
  at: Iso;
}

export interface Hazard {
  id: string;
  kind: "fire" | "earthquake" | "warning";
  state: "active" | "dormant" | "ended" | "merged" | "retracted";
  label: string;
  first_seen: Iso;
  last_seen: Iso;
  area_km2: number | null;
  observations: number;
  confidence: Confidence | null;
  certainty: string | null;
  suppressed: string | null;
  platforms: string[];
  frp_max_mw: number | null;
  magnitude: number | null;
  depth_km: number | null;
  epicentre: Position | null;
  bbox: Box | null;
  centre: Position | null;
  exposed: { places: number; population: number | null; nearest: NearestPlace | null };
  incident: string | null;
  growing_h: number | null;
  labelled: { label: string; by: string; at: Iso; reason: string } | null;
}

export interface NearestPlace {
  id: string;
  name: string;
  kind: string;
  distance_m: number;
  population: number | null;
}

export interface PlaceRef {
  id: string;
  name: string;
  kind: string;
  population: number | null;
  lon: number;
  lat: number;
  country?: string | null;
  admin?: string | null;
}

export interface Exposure {
  hazard_id: string;
  place: PlaceRef;
  distance_m: number;
  since: Iso;
  until: Iso | null;
  basis: string;
  certainty: string | null;
  suppressed: string | null;
  mmi: number | null;
}

export type Band = "P50" | "P80" | "P95";

export interface CouldReach {
  place: PlaceRef;
  within_h: number | null;
  distance_m: number | null;
  calibrated: boolean;
  band: Band;
  earliest: Iso | null;
}

export interface HazardMoment {
  time: Iso;
  change: string;
  state: string;
  area_km2: number | null;
  new_area_km2: number | null;
  observations: number;
  new_observations: number;
  frp_mw: number | null;
  magnitude: number | null;
}

export interface Reason {
  seq: number;
  kind: string;
  at: Iso;
  sentence_code: string;
  ids: string[];
  values: string[];
}

export interface HazardDetail extends Hazard {
  lineage: { merged_from: string[]; into: string | null };
  history: HazardMoment[];
  exposures: Exposure[];
  could_reach: CouldReach[];
  reach: unknown;
  warnings: Warning[];
  why: Reason[];
}

export interface Pass {
  time: Iso;
  platform: string;
  instrument: string | null;
  source: string;
  observations: number;
  low: number;
  nominal: number;
  high: number;
  frp_mw: number | null;
}

export interface EvidencePixel {
  time: Iso;
  lon: number;
  lat: number;
  across_m: number | null;
  along_m: number | null;
  value: number | null;
  confidence: Confidence | null;
  platform: string;
  instrument: string | null;
  source: string;
  origin: string;
  entry: number;
}

export interface Evidence {
  passes: Pass[];
  observations: EvidencePixel[];
  truncated: boolean;
}

export interface Incident {
  id: string;
  kind: string;
  status: "open" | "merged" | "closed";
  priority: number;
  reasons: string[];
  opened: Iso;
  closed: Iso | null;
  hazards: string[];
  places: number;
  population: number | null;
  label: string;
  acknowledged: ByAt | null;
}

export interface IncidentDetail extends Incident {
  timeline: IncidentMoment[];
}

export interface IncidentMoment {
  seq: number;
  time: Iso;
  change: string;
  by?: string;
  identifier?: string;
  incident?: string;
  hazard?: string;
  priority?: number;
  reason?: string;
  reasons?: string[];
  msg_type?: string;
}

export type WarningState =
  | "draft"
  | "replaced"
  | "rejected"
  | "withdrawn"
  | "in-force"
  | "updated"
  | "cancelled"
  | "expired"
  | "ended";

export interface Warning {
  identifier: string;
  thread: string;
  incident: string | null;
  kind: string;
  msg_type: "Alert" | "Update" | "Cancel";
  status: Status;
  state: WarningState;
  severity: Severity;
  urgency: string;
  certainty: string;
  event: string;
  headline: Partial<Record<string, string>>;
  reasons: string[]; // codes, or what a person said
  drafted: ByAt;
  approvals: ByAt[];
  approvals_needed: number;
  sent: Iso | null;
  expires: Iso | null;
  references: string | readonly string[];
  places: number;
  deliveries: Record<string, Deliveries>;
  bbox: Box | null;
}

export interface Deliveries {
  delivered: number;
  failed: number;
  refused: number;
  dead: number;
  waiting: number;
}

export interface WarningInfo {
  language: string;
  event: string;
  headline: string;
  description: string;
  instruction: string;
  area_desc: string;
  web: string | null;
  contact: string | null;
  sms: { text: string; segments: number; encoding: string };
}

export interface WarningDetail extends Warning {
  info: WarningInfo[];
  area: GeoJSON.MultiPolygon;
  vertices: number;
  people_inside: number | null;
  people_exposed: number | null;
  people_without_need: number | null;
  xml_url: string;
  timeline: { at: Iso; text?: string; [field: string]: unknown }[];
  difference: { field: string; language: string | null; before: string; after: string }[] | null;
  checks: { name: string; ok: boolean; detail: string }[];
}

export interface Source {
  name: string;
  source: string;
  title: string;
  attribution: string;
  state: "heard" | "silent" | "failing" | "never";
  last_heard: Iso | null;
  last_outcome: string | null;
  detail: string;
  cadence_s: number | null;
  observations_24h: number;
  quarantined_24h: number;
  acknowledged: ByAt | null;
}

export interface Channel {
  name: string;
  plugin: string;
  status: Status;
  state: "well" | "failing" | "paused";
  last_success: Iso | null;
  last_failure: Iso | null;
  detail: string;
  delivered: number;
  waiting: number;
  dead: number;
  paused_by: string | null;
  acknowledged: ByAt | null;
}

export type CardType = "draft" | "incident" | "expiring" | "source" | "channel";

/** What a card's sentence is built from; which of these are there depends on the card's type. */
export interface CardFacts {
  kind?: string;
  hazard?: string | null;
  incident?: string | null;
  thread?: string | null;
  identifier?: string | null;
  msg_type?: "Alert" | "Update" | "Cancel";
  area_km2?: number | null;
  magnitude?: number | null;
  depth_km?: number | null;
  event?: string | null;
  place?: string | null;
  place_kind?: string | null;
  distance_m?: number | null;
  mmi?: number | null;
  population?: number | null;
  places?: number | null;
  growing_h?: number | null;
  draft?: string | null;
  in_force?: boolean | null;
  approvals?: readonly string[];
  approvals_needed?: number | null;
  drafted_by?: string | null;
  label?: string | null;
  hazard_label?: string | null;
  place_population?: number | null;
  detail?: string | null;
  cadence_s?: number | null;
  paused_by?: string | null;
  name?: string | null;
  title?: string | null;
  state?: string | null;
  last_heard?: Iso | null;
  waiting?: number | null;
  dead?: number | null;
  expires?: Iso | null;
  certainty?: string | null;
  confidence?: Confidence | null;
  platforms?: string[];
  last_seen?: Iso | null;
  [other: string]: unknown;
}

export interface Card {
  id: string;
  type: CardType;
  subject: { type: string; id: string };
  severity: Severity | null;
  priority: number | null;
  since: Iso;
  due: Iso | null;
  facts: CardFacts;
  score: number;
  why: { code: string; value: unknown }[];
  actions: string[];
  alarm: boolean;
  acknowledged: ByAt | null;
}

export interface PlaceCounts {
  count: number;
  kinds: Record<string, number>;
  attribution: string | readonly string[];
}

export interface SituationPicture {
  seq: number;
  now: Iso;
  mode: Mode;
  hazards: Hazard[];
  incidents: Incident[];
  warnings: Warning[];
  sources: Source[];
  channels: Channel[];
  queue: Card[];
  places: PlaceCounts;
}

export interface GridCell {
  lon: number;
  lat: number;
  count: number;
  frp_mw: number | null;
  newest: Iso;
}

export interface Page<T> {
  items: T[];
  next: string | null;
}

export interface Problem {
  type: string;
  title: string;
  status: number;
  detail: string;
  reason: string;
}

/** POST /api/v1/commands: see almenara.model.commands. */
export type Command =
  | { command: "approve"; identifier: string }
  | { command: "reject"; identifier: string; reason: string }
  | { command: "update"; thread: string; wording?: Wordings }
  | { command: "cancel"; thread: string; reason: string; wording?: Wordings }
  | { command: "all-clear"; thread: string; wording?: Wordings }
  | { command: "draft"; statement: Statement; area: GeoJSON.Position[][][]; thread?: string }
  | { command: "pause" | "resume"; channel: string; reason: string }
  | { command: "retry"; channel: string; identifier?: string }
  | { command: "acknowledge"; incident: string }
  | { command: "acknowledge"; source: string }
  | { command: "acknowledge"; channel: string }
  | { command: "label"; hazard: string; label: "not-a-hazard"; reason: string }
  | { command: "unlabel"; hazard: string };

export type Wordings = Partial<Record<string, { headline?: string; description?: string; instruction?: string }>>;

export interface Statement {
  kind: string;
  area_name: string | Record<string, string>;
  urgency: string;
  severity: string;
  certainty: string;
  onset_ms?: number | null;
  expires_h?: number;
  values?: Record<string, string | Record<string, string>>;
}

export interface Said {
  said: { kind: string; identifier?: string; thread?: string; [field: string]: unknown }[];
  seq: number;
}
