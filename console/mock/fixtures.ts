/** An invented evening for developing without a service: shapes as /api/v1 has them, positions in Ecuador's south. */
import type {
  Card,
  Channel,
  Evidence,
  Exposure,
  Hazard,
  HazardDetail,
  Incident,
  Mode,
  Session,
  SituationPicture,
  Source,
  Warning,
  WarningDetail,
} from "../src/api/types";

const H = 3_600_000;
const MIN = 60_000;

export function makeFixtures(start: number) {
  const at = (ms: number): string => new Date(start - ms).toISOString().replace(/\.\d+Z/, "Z");
  const mode: Mode = {
    status: "Exercise",
    drill: {
      scenario: "ecuador",
      title: { es: "Tres días en Ecuador", en: "Three days in Ecuador" },
      speed: 1,
      ends: at(-24 * H),
    },
    now: at(0),
    timezone: "America/Guayaquil",
    sender: "almenara@example.org",
  };
  const session: Session = {
    person: {
      name: "ana",
      display_name: "Ana Ruiz",
      language: "es",
      grants: [
        { role: "duty_officer", area: "*" },
        { role: "administrator", area: "*" },
      ],
      passkeys: 1,
    },
    actions: [
      "read",
      "acknowledge",
      "label",
      "draft",
      "reject",
      "update",
      "cancel",
      "all-clear",
      "approve",
      "channels",
      "places",
      "people",
      "keys",
      "audit",
    ],
    csrf: "mock",
    mode,
    version: "0.1.0",
  };
  const fire = (id: string, lon: number, lat: number, km2: number, more: Partial<Hazard> = {}): Hazard => ({
    id,
    kind: "fire",
    state: "active",
    label: "",
    first_seen: at(9 * H),
    last_seen: at(134 * MIN),
    area_km2: km2,
    observations: Math.round(km2 * 14),
    confidence: "nominal",
    certainty: "Observed",
    suppressed: null,
    platforms: ["NOAA-20", "Suomi NPP"],
    frp_max_mw: 310,
    magnitude: null,
    depth_km: null,
    epicentre: null,
    bbox: [
      lon - Math.sqrt(km2) / 180,
      lat - Math.sqrt(km2) / 180,
      lon + Math.sqrt(km2) / 180,
      lat + Math.sqrt(km2) / 180,
    ],
    centre: [lon, lat],
    exposed: { places: 0, population: null, nearest: null },
    incident: null,
    growing_h: null,
    labelled: null,
    ...more,
  });
  const hazards: Hazard[] = [
    fire("fire-20240903-a1", -79.2042, -4.2411, 12.4, {
      exposed: {
        places: 4,
        population: 6_310,
        nearest: { id: "p1", name: "Vilcabamba", kind: "town", distance_m: 240, population: 4_500 },
      },
      incident: "incident-fire-1",
      growing_h: 3,
    }),
    fire("fire-20240903-b2", -79.62, -3.93, 3.1, {
      platforms: ["NOAA-21"],
      confidence: "low",
      certainty: "Possible",
      last_seen: at(5 * H),
      exposed: {
        places: 1,
        population: 380,
        nearest: { id: "p2", name: "Catacocha", kind: "village", distance_m: 1_900, population: 380 },
      },
      incident: "incident-fire-2",
    }),
    fire("fire-20240902-c3", -78.85, -3.62, 0.42, {
      state: "dormant",
      last_seen: at(26 * H),
      platforms: ["GOES-19"],
      confidence: "low",
    }),
    fire("fire-20240903-d4", -80.2, -4.1, 0.06, { suppressed: "persistent-heat", confidence: "high" }),
    {
      ...fire("earthquake-us7000abcd", -80.55, -3.35, 0),
      kind: "earthquake",
      first_seen: at(52 * MIN),
      last_seen: at(47 * MIN),
      area_km2: null,
      observations: 2,
      confidence: "high",
      platforms: ["USGS"],
      frp_max_mw: null,
      magnitude: 6.7,
      depth_km: 44,
      epicentre: [-80.55, -3.35],
      bbox: [-81.55, -4.35, -79.55, -2.35],
      centre: [-80.55, -3.35],
      exposed: {
        places: 61,
        population: 412_000,
        nearest: { id: "p3", name: "Machala", kind: "city", distance_m: 67_000, population: 260_528 },
      },
      incident: "incident-earthquake-1",
    },
  ];
  const incident = (
    id: string,
    kind: string,
    hazard: string,
    priority: number,
    more: Partial<Incident> = {},
  ): Incident => ({
    id,
    kind,
    status: "open",
    priority,
    reasons: ["distance:240", "places:4", "population:6310"],
    opened: at(3 * H),
    closed: null,
    hazards: [hazard],
    places: 4,
    population: 6_310,
    label: "",
    acknowledged: null,
    ...more,
  });
  const incidents: Incident[] = [
    incident("incident-fire-1", "fire", "fire-20240903-a1", 1),
    incident("incident-fire-2", "fire", "fire-20240903-b2", 3, {
      places: 1,
      population: 380,
      reasons: ["distance:1900", "certainty:Possible"],
    }),
    incident("incident-earthquake-1", "earthquake", "earthquake-us7000abcd", 1, {
      places: 61,
      population: 412_000,
      reasons: ["mmi:6.4", "places:61"],
      acknowledged: { by: "ana", at: at(44 * MIN) },
    }),
  ];
  const warning = (identifier: string, thread: string, more: Partial<Warning>): Warning => ({
    identifier,
    thread,
    incident: null,
    kind: "fire",
    msg_type: "Alert",
    status: "Exercise",
    state: "draft",
    severity: "Severe",
    urgency: "Immediate",
    certainty: "Observed",
    event: "Incendio forestal",
    headline: { es: "Incendio forestal a 240 m de Vilcabamba", en: "Wildfire 240 m from Vilcabamba" },
    reasons: ["first"],
    drafted: { by: "almenara", at: at(20 * MIN) },
    approvals: [],
    approvals_needed: 2,
    sent: null,
    expires: at(-6 * H),
    references: [],
    places: 4,
    deliveries: {},
    bbox: [-79.27, -4.3, -79.14, -4.17],
    ...more,
  });
  const warnings: Warning[] = [
    warning("incident-fire-1-1", "incident-fire-1", { incident: "incident-fire-1" }),
    warning("incident-earthquake-1-1", "incident-earthquake-1", {
      incident: "incident-earthquake-1",
      kind: "earthquake",
      state: "in-force",
      severity: "Extreme",
      event: "Sismo",
      headline: { es: "Sismo de magnitud 6,7 frente a El Oro", en: "Magnitude 6.7 earthquake off El Oro" },
      approvals: [
        { by: "ana", at: at(42 * MIN) },
        { by: "luis", at: at(41 * MIN) },
      ],
      sent: at(41 * MIN),
      expires: at(-40 * MIN),
      places: 61,
      bbox: [-81.2, -4.1, -79.5, -2.6],
      deliveries: {
        feed: { delivered: 1, failed: 0, refused: 0, dead: 0, waiting: 0 },
        sms: { delivered: 3_912, failed: 0, refused: 3, dead: 2, waiting: 85 },
      },
    }),
  ];
  const source = (name: string, title: string, more: Partial<Source> = {}): Source => ({
    name,
    source: name,
    title,
    attribution: "NASA FIRMS",
    state: "heard",
    last_heard: at(12 * MIN),
    last_outcome: "new",
    detail: "",
    cadence_s: 900,
    observations_24h: 1_204,
    quarantined_24h: 3,
    acknowledged: null,
    ...more,
  });
  const sources = [
    source("firms-noaa20", "NOAA-20 VIIRS"),
    source("firms-snpp", "Suomi NPP VIIRS", {
      state: "silent",
      last_heard: at(3.2 * H),
      detail: "no answer within 30 s",
    }),
    source("usgs", "USGS", { attribution: "USGS", cadence_s: 60, observations_24h: 7, last_heard: at(40_000) }),
  ];
  const channels: Channel[] = [
    {
      name: "feed",
      plugin: "feed",
      status: "Exercise",
      state: "well",
      last_success: at(41 * MIN),
      last_failure: null,
      detail: "",
      delivered: 12,
      waiting: 0,
      dead: 0,
      paused_by: null,
      acknowledged: null,
    },
    {
      name: "sms",
      plugin: "sms_smpp",
      status: "Exercise",
      state: "failing",
      last_success: at(33 * MIN),
      last_failure: at(3 * MIN),
      detail: "bind refused",
      delivered: 3_912,
      waiting: 85,
      dead: 2,
      paused_by: null,
      acknowledged: null,
    },
  ];
  const hazardActs = ["acknowledge", "warn", "update", "cancel", "label"];
  const queue: Card[] = [
    {
      id: "incident-fire-1",
      type: "draft",
      subject: { type: "warning", id: "incident-fire-1-1" },
      severity: "Severe",
      priority: 1,
      since: at(20 * MIN),
      due: null,
      alarm: true,
      acknowledged: null,
      score: 92,
      actions: hazardActs,
      facts: {
        kind: "fire",
        hazard: "fire-20240903-a1",
        incident: "incident-fire-1",
        thread: "incident-fire-1",
        identifier: "incident-fire-1-1",
        msg_type: "Alert",
        area_km2: 12.4,
        place: "Vilcabamba",
        distance_m: 240,
        place_population: 4_500,
        population: 6_310,
        places: 4,
        growing_h: 3,
        approvals: [],
        approvals_needed: 2,
      },
      why: [
        { code: "severity", value: "Severe" },
        { code: "distance_m", value: 240 },
      ],
    },
    {
      id: "expiring-quake",
      type: "expiring",
      subject: { type: "warning", id: "incident-earthquake-1-1" },
      severity: "Extreme",
      priority: 1,
      since: at(5 * MIN),
      due: at(-40 * MIN),
      alarm: false,
      acknowledged: null,
      score: 81,
      actions: ["update", "cancel"],
      facts: {
        kind: "earthquake",
        hazard: "earthquake-us7000abcd",
        incident: "incident-earthquake-1",
        thread: "incident-earthquake-1",
        magnitude: 6.7,
        depth_km: 44,
        place: "Machala",
        mmi: 6.4,
        place_population: 260_528,
        population: 412_000,
        places: 61,
      },
      why: [{ code: "due_h", value: 0 }],
    },
    {
      id: "incident-fire-2",
      type: "incident",
      subject: { type: "incident", id: "incident-fire-2" },
      severity: "Moderate",
      priority: 3,
      since: at(95 * MIN),
      due: null,
      alarm: false,
      acknowledged: { by: "Ana Ruiz", at: at(80 * MIN) },
      score: 40,
      actions: hazardActs,
      facts: {
        kind: "fire",
        hazard: "fire-20240903-b2",
        incident: "incident-fire-2",
        area_km2: 3.1,
        place: "Catacocha",
        distance_m: 1_900,
        place_population: 380,
        population: 380,
        places: 1,
      },
      why: [{ code: "distance_m", value: 1_900 }],
    },
    {
      id: "source-snpp",
      type: "source",
      subject: { type: "source", id: "firms-snpp" },
      severity: null,
      priority: null,
      since: at(3 * H),
      due: null,
      alarm: false,
      acknowledged: null,
      score: 30,
      actions: ["acknowledge"],
      facts: { name: "firms-snpp", title: "Suomi NPP VIIRS", state: "silent", last_heard: at(3.2 * H) },
      why: [],
    },
    {
      id: "channel-sms",
      type: "channel",
      subject: { type: "channel", id: "sms" },
      severity: null,
      priority: null,
      since: at(3 * MIN),
      due: null,
      alarm: false,
      acknowledged: null,
      score: 25,
      actions: ["acknowledge"],
      facts: { name: "sms", state: "failing", waiting: 85, dead: 2 },
      why: [],
    },
  ];
  const places = [
    ["p1", "Vilcabamba", "town", 4_500, -79.221, -4.262],
    ["p4", "San Pedro de Vilcabamba", "village", 1_289, -79.219, -4.222],
    ["p5", "Escuela Eloy Alfaro", "school", 210, -79.212, -4.257],
    ["p6", "Hospital Kokichi Otani", "hospital", null, -79.224, -4.259],
    ["p2", "Catacocha", "village", 380, -79.641, -3.93],
    ["p3", "Machala", "city", 260_528, -79.955, -3.258],
    ["p7", "Loja", "city", 180_617, -79.204, -3.993],
    ["p8", "Malacatos", "town", 7_114, -79.261, -4.221],
    ["p9", "Yangana", "village", 1_519, -79.175, -4.365],
  ] as const;
  const picture: SituationPicture = {
    seq: 1_000,
    now: at(0),
    mode,
    hazards,
    incidents,
    warnings,
    sources,
    channels,
    queue,
    places: {
      count: places.length,
      kinds: { town: 2, village: 3, city: 2, school: 1, hospital: 1 },
      attribution: "GeoNames, CC BY 4.0",
    },
  };
  const placeRef = (index: number) => {
    const [id, name, kind, population, lon, lat] = places[index] ?? places[0];
    return { id, name, kind, population, lon, lat, country: "EC", admin: "Loja" };
  };
  const exposure = (index: number, distance_m: number): Exposure => ({
    hazard_id: "fire-20240903-a1",
    place: placeRef(index),
    distance_m,
    since: at(3 * H - index * 20 * MIN),
    until: null,
    basis: "observed footprint",
    certainty: "Observed",
    suppressed: null,
    mmi: null,
  });
  const detail = (hazard: Hazard): HazardDetail => ({
    ...hazard,
    lineage: { merged_from: hazard.kind === "fire" ? ["fire-20240903-a0"] : [], into: null },
    history: Array.from({ length: 9 }, (_, i) => ({
      time: at((9 - i) * H - 46 * MIN),
      change: i ? "grew" : "appeared",
      state: "active",
      area_km2: (hazard.area_km2 ?? 0) * ((i + 1) / 9) ** 1.6,
      new_area_km2: 1,
      observations: 14 * (i + 1),
      new_observations: 14,
      frp_mw: 40 + 270 * Math.abs(Math.sin(i * 0.9)),
      magnitude: hazard.magnitude,
    })),
    exposures: [exposure(0, 240), exposure(2, 480), exposure(3, 760), exposure(1, 1_240)],
    could_reach: [
      { place: placeRef(7), within_h: 12, distance_m: 4_000, calibrated: true, band: "P80", earliest: at(-5 * H) },
      { place: placeRef(8), within_h: 24, distance_m: 9_000, calibrated: true, band: "P95", earliest: at(-11 * H) },
    ],
    reach: null,
    warnings: warnings.filter((w) => w.incident === hazard.incident),
    why: [
      {
        seq: 912,
        kind: "ObservationsReceived",
        at: at(136 * MIN),
        sentence_code: "hazard-opened",
        ids: ["firms-noaa20"],
        values: [],
      },
      {
        seq: 913,
        kind: "HazardsChanged",
        at: at(135 * MIN),
        sentence_code: "hazard-grew",
        ids: [hazard.id],
        values: [],
      },
      {
        seq: 914,
        kind: "ExposuresChanged",
        at: at(135 * MIN),
        sentence_code: "exposure-entered",
        ids: ["p1"],
        values: [],
      },
      {
        seq: 915,
        kind: "IncidentOpened",
        at: at(135 * MIN),
        sentence_code: "incident-opened",
        ids: [hazard.incident ?? ""],
        values: [],
      },
    ],
  });
  const evidence = (hazard: Hazard): Evidence => {
    const [lon, lat] = hazard.centre ?? [0, 0];
    const spread = Math.sqrt(hazard.area_km2 ?? 1) / 200;
    return {
      passes: [0, 1, 2, 3].map((i) => ({
        time: at((9 - 2 * i) * H - 46 * MIN),
        platform: i % 2 ? "Suomi NPP" : "NOAA-20",
        instrument: "VIIRS",
        source: i % 2 ? "firms-snpp" : "firms-noaa20",
        observations: 30 + i * 12,
        low: 3,
        nominal: 22 + i * 10,
        high: 5 + 2 * i,
        frp_mw: 90 + i * 60,
      })),
      observations: Array.from({ length: 160 }, (_, i) => ({
        time: at((9 - 2 * (i % 4)) * H - 46 * MIN),
        lon: lon + spread * Math.sin(i * 2.4) * Math.sqrt(i / 160),
        lat: lat + spread * Math.cos(i * 2.4) * Math.sqrt(i / 160),
        across_m: 390,
        along_m: 390,
        value: 4 + (i % 17),
        confidence: (["low", "nominal", "nominal", "high"] as const)[i % 4] ?? null,
        platform: i % 2 ? "Suomi NPP" : "NOAA-20",
        instrument: "VIIRS",
        source: "firms-noaa20",
        origin: "NASA FIRMS",
        entry: 912,
      })),
      truncated: false,
    };
  };
  const warningDetail = (w: Warning): WarningDetail => ({
    ...w,
    info: ["es", "en"].map((language) => ({
      language,
      event: w.event,
      headline: w.headline[language] ?? "",
      description: "…",
      instruction: "…",
      area_desc: "Vilcabamba",
      web: null,
      contact: null,
      sms: { text: w.headline[language] ?? "", segments: 1, encoding: "GSM-7" },
    })),
    area: { type: "MultiPolygon", coordinates: [[ring(w.bbox ?? [0, 0, 1, 1], 24)]] },
    vertices: 24,
    people_inside: 5_800,
    people_exposed: 4_500,
    people_without_need: 1_300,
    xml_url: `/api/v1/warnings/${w.identifier}/xml`,
    timeline: [{ at: w.drafted.at, text: "drafted" }],
    difference: null,
    checks: [
      { name: "schema", ok: true, detail: "" },
      { name: "area", ok: true, detail: "" },
    ],
  });
  const footprints = (): GeoJSON.FeatureCollection => ({
    type: "FeatureCollection",
    features: hazards.flatMap((h) => {
      if (!h.bbox) return [];
      const stale = h.state === "dormant" || h.id.endsWith("b2");
      const outline = (grow: number): GeoJSON.Polygon => ({
        type: "Polygon",
        coordinates: [ring(grown(h.bbox ?? [0, 0, 0, 0], grow), 40, h.kind === "fire" ? 0.18 : 0)],
      });
      const own: GeoJSON.Feature = {
        type: "Feature",
        id: h.id,
        geometry: outline(1),
        properties: { id: h.id, kind: h.kind, state: h.state, stale },
      };
      const bands =
        h.kind === "fire" && h.state === "active" && !h.suppressed
          ? (["P95", "P80", "P50"] as const).map(
              (band, i): GeoJSON.Feature => ({
                type: "Feature",
                geometry: outline(2.6 - i * 0.5),
                properties: { id: h.id, kind: h.kind, state: h.state, stale: false, band, hours: 12 },
              }),
            )
          : [];
      return [...bands, own];
    }),
  });
  return {
    mode,
    session,
    picture,
    detail,
    evidence,
    warningDetail,
    footprints,
    places,
    placeRef,
    now: () => Date.now(),
  };
}

export type Fixtures = ReturnType<typeof makeFixtures>;

function grown([w, s, e, n]: [number, number, number, number], by: number): [number, number, number, number] {
  const x = (w + e) / 2;
  const y = (s + n) / 2;
  return [x - ((e - w) / 2) * by, y - ((n - s) / 2) * by, x + ((e - w) / 2) * by, y + ((n - s) / 2) * by];
}

function ring([w, s, e, n]: [number, number, number, number], count: number, rough = 0): GeoJSON.Position[] {
  const points = Array.from({ length: count }, (_, i): GeoJSON.Position => {
    const angle = (i / count) * 2 * Math.PI;
    const r = 1 + rough * Math.sin(i * 2.7) + rough * Math.cos(i * 1.3);
    return [(w + e) / 2 + ((e - w) / 2) * r * Math.cos(angle), (s + n) / 2 + ((n - s) / 2) * r * Math.sin(angle)];
  });
  return [...points, points[0] ?? [0, 0]];
}
