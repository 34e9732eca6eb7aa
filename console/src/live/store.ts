/** The picture: the situation as the service told it, kept live, and said to be stale while nothing is heard. */
import { API, ApiError, get, keepCsrf, onSignedOut } from "../api/client";
import type {
  Action,
  Card,
  Channel,
  Hazard,
  Incident,
  Mode,
  PlaceCounts,
  Session,
  SituationPicture,
  Source,
  Warning,
} from "../api/types";
import { Stream } from "./stream";

export type Connection = "starting" | "live" | "lost";
export type Topic = "hazard" | "incident" | "warning" | "source" | "channel" | "queue" | "clock" | "places" | "reset";
const TOPICS: readonly Topic[] = [
  "hazard",
  "incident",
  "warning",
  "source",
  "channel",
  "queue",
  "clock",
  "places",
  "reset",
];

/** One change of the picture; `topics` says of what. Everything that draws listens for "change". */
export class PictureChange extends Event {
  constructor(readonly topics: ReadonlySet<Topic | "connection" | "session">) {
    super("change");
  }
}

type Keyed = { id: string } | { identifier: string } | { name: string };

export class Picture extends EventTarget {
  session: Session | null = null;
  mode: Mode | null = null;
  hazards = new Map<string, Hazard>();
  incidents = new Map<string, Incident>();
  warnings = new Map<string, Warning>();
  sources = new Map<string, Source>();
  channels = new Map<string, Channel>();
  queue: Card[] = [];
  places: PlaceCounts = { count: 0, kinds: {}, attribution: "" };
  seq = 0;
  connection: Connection = "starting";
  lostSince: number | null = null; // by the service's clock as it runs on here
  private told = { at: 0, local: 0 }; // the service's clock as last heard, and when

  /** The service's time now: in a drill the exercise's own, running at its speed. */
  now(): number {
    if (!this.told.at) return Date.now();
    return this.told.at + (Date.now() - this.told.local) * (this.mode?.drill?.speed ?? 1);
  }

  can(action: Action): boolean {
    return this.session?.actions.includes(action) ?? false;
  }

  get stale(): boolean {
    return this.connection === "lost";
  }

  take(picture: SituationPicture): void {
    this.mode = picture.mode;
    this.seq = picture.seq;
    this.hazards = byKey(picture.hazards);
    this.incidents = byKey(picture.incidents);
    this.warnings = byKey(picture.warnings);
    this.sources = byKey(picture.sources);
    this.channels = byKey(picture.channels);
    this.queue = picture.queue;
    this.places = picture.places;
    this.hearClock(picture.now);
  }

  /** Takes one event of the stream into the picture. Says whether the whole must be fetched anew. */
  follow(topic: Topic, data: unknown): boolean {
    switch (topic) {
      case "hazard":
        put(this.hazards, data as Hazard);
        return false;
      case "incident":
        put(this.incidents, data as Incident);
        return false;
      case "warning":
        put(this.warnings, data as Warning);
        return false;
      case "source":
        put(this.sources, data as Source);
        return false;
      case "channel":
        put(this.channels, data as Channel);
        return false;
      case "queue":
        this.queue = (data as { cards: Card[] }).cards;
        return false;
      case "places":
        this.places = { ...this.places, ...(data as Partial<PlaceCounts>) };
        return false;
      case "clock":
        this.hearClock((data as { now: string }).now);
        return false;
      case "reset":
        return true;
    }
  }

  tell(...topics: (Topic | "connection" | "session")[]): void {
    this.dispatchEvent(new PictureChange(new Set(topics)));
  }

  private hearClock(now: string): void {
    const at = Date.parse(now);
    if (Number.isFinite(at)) this.told = { at, local: Date.now() };
  }
}

function keyOf(item: Keyed): string {
  return "id" in item ? item.id : "identifier" in item ? item.identifier : item.name;
}

function byKey<T extends Keyed>(items: readonly T[]): Map<string, T> {
  return new Map(items.map((item) => [keyOf(item), item]));
}

/** Puts an item into a fresh entry of its map, or takes it out: `{id, gone: true}`. */
function put<T extends Keyed>(items: Map<string, T>, item: T | { id: string; gone: true }): void {
  if ("gone" in item) items.delete(item.id);
  else items.set(keyOf(item), item);
}

/** The one picture of this window. */
export const picture = new Picture();

const stream = new Stream({
  topics: TOPICS,
  open: (after) => new EventSource(`${API}/live${after === null ? "" : `?after=${after}`}`),
  onLive: () => setConnection("live"),
  onLost: () => {
    setConnection("lost");
    void checkSession();
  },
  onEvent: (topic, seq, data) => {
    if (seq !== null) picture.seq = seq;
    if (picture.follow(topic as Topic, JSON.parse(data))) void refetch();
    else picture.tell(topic as Topic);
  },
});

/** Asks who is signed in; with somebody there, opens the picture. Null: nobody is. */
export async function begin(): Promise<Session | null> {
  try {
    enter(keepCsrf(await get<Session>("/session")));
  } catch (error) {
    if (error instanceof ApiError && (error.status === 401 || error.status === 403)) return null;
    setConnection("lost");
    setTimeout(() => void begin(), 3_000);
    return picture.session;
  }
  return picture.session;
}

/** Opens the picture for a session: after sign-in, set-up, or a page load. */
export function enter(session: Session): void {
  picture.session = keepCsrf(session);
  picture.mode = session.mode;
  picture.tell("session");
  void refetch();
}

export function leave(): void {
  stream.stop();
  picture.session = null;
  picture.connection = "starting";
  picture.tell("session");
}

async function refetch(): Promise<void> {
  try {
    picture.take(await get<SituationPicture>("/situation"));
  } catch (error) {
    if (error instanceof ApiError && error.status === 401) return;
    setConnection("lost");
    setTimeout(() => void refetch(), 3_000);
    return;
  }
  stream.start(picture.seq);
  picture.tell(...TOPICS);
}

async function checkSession(): Promise<void> {
  try {
    picture.session = keepCsrf(await get<Session>("/session"));
  } catch (error) {
    if (error instanceof ApiError && error.status === 401) leave();
  }
}

function setConnection(connection: Connection): void {
  if (picture.connection === connection) return;
  picture.connection = connection;
  picture.lostSince = connection === "lost" ? (picture.lostSince ?? picture.now()) : null;
  picture.tell("connection");
}

onSignedOut(leave);
globalThis.addEventListener?.("online", () => stream.hurry());
