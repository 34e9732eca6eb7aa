/** A service of fixtures inside vite's server, for developing only: `npm run dev`. State changes by commands; POST /mock/lose drops the stream. */
import type { IncomingMessage, ServerResponse } from "node:http";
import type { Connect, Plugin } from "vite";
import { type Fixtures, makeFixtures } from "./fixtures.ts";

/** As the service sends it: what the console does must pass under it. */
const CSP =
  "default-src 'self'; script-src 'self'; style-src 'self'; worker-src 'self' blob:; img-src 'self' data: blob:; connect-src 'self'; frame-ancestors 'none'";

export function mockService(): Plugin {
  const answer =
    (mock: Mock): Connect.NextHandleFunction =>
    (request, response, next) => {
      if (!request.url?.startsWith("/api/v1") && !request.url?.startsWith("/mock")) return next();
      void mock.answer(request, response);
    };
  return {
    name: "mock-service",
    configureServer(server) {
      server.middlewares.use(answer(new Mock(makeFixtures(Date.now()))));
    },
    // `npx vite preview --mode mock`: what was built, under the service's policy.
    configurePreviewServer(server) {
      server.middlewares.use((_, response, next) => {
        response.setHeader("Content-Security-Policy", CSP);
        next();
      });
      server.middlewares.use(answer(new Mock(makeFixtures(Date.now()))));
    },
  };
}

class Mock {
  private readonly streams = new Set<ServerResponse>();
  private signedIn = true;
  private lost = false;

  constructor(private readonly fixtures: Fixtures) {
    setInterval(() => this.send("clock", { now: now() }), 10_000).unref();
  }

  async answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const url = new URL(request.url ?? "/", "http://localhost");
    const path = url.pathname.replace("/api/v1", "");
    const { picture, session } = this.fixtures;
    const parts = path.split("/").filter(Boolean).map(decodeURIComponent);
    if (path === "/mock/lose") return this.lose(response, url.searchParams.get("back") !== "true");
    if (this.lost) return void request.socket.destroy();
    const json = (body: unknown, status = 200): void => {
      response.writeHead(status, { "Content-Type": status >= 400 ? "application/problem+json" : "application/json" });
      response.end(body === undefined ? undefined : JSON.stringify(body));
    };
    const missing = (): void =>
      json(
        { type: "about:blank", title: "Not Found", status: 404, detail: `Nothing at ${path}.`, reason: "not-found" },
        404,
      );
    if (path === "/session") {
      if (request.method === "DELETE") this.signedIn = false;
      if (request.method === "POST") this.signedIn = true;
      if (request.method === "DELETE") return json(undefined, 204);
      return this.signedIn
        ? json(session)
        : json({ title: "Unauthorized", status: 401, reason: "signed-out", detail: "" }, 401);
    }
    const known = office(path, this.fixtures);
    if (known !== undefined) return json(known);
    if (path === "/setup") return json({ needed: false });
    if (path === "/situation") return json({ ...picture, now: now() });
    if (path === "/live") return this.live(response);
    if (path === "/commands") return json(this.command(JSON.parse(await body(request))));
    if (path === "/footprints") return json(this.fixtures.footprints());
    if (path === "/observations/grid") return json(grid());
    if (path === "/places") {
      const q = (url.searchParams.get("q") ?? "").toLowerCase();
      const items = this.fixtures.places
        .map((_, i) => this.fixtures.placeRef(i))
        .filter((p) => p.name.toLowerCase().includes(q));
      return json({ items, next: null });
    }
    const [kind, id = "", part] = parts;
    if (kind === "hazards") {
      const hazard = picture.hazards.find((h) => h.id === id);
      if (!hazard) return id ? missing() : json({ items: picture.hazards, next: null });
      if (part === "evidence") return json(this.fixtures.evidence(hazard));
      if (part === "footprint") return json(this.fixtures.footprints().features.find((f) => f.id === id));
      return json(this.fixtures.detail(hazard));
    }
    if (kind === "incidents") {
      const incident = picture.incidents.find((i) => i.id === id);
      if (!incident) return id ? missing() : json({ items: picture.incidents, next: null });
      return json({
        ...incident,
        timeline: [{ seq: 915, time: incident.opened, change: "opened", priority: incident.priority }],
      });
    }
    if (kind === "warnings") {
      const warning = picture.warnings.find((w) => w.identifier === id);
      if (!warning) return id ? missing() : json({ items: picture.warnings, next: null });
      return json(this.fixtures.warningDetail(warning));
    }
    missing();
  }

  private live(response: ServerResponse): void {
    response.writeHead(200, { "Content-Type": "text/event-stream", "Cache-Control": "no-store" });
    response.write(`event: clock\ndata: ${JSON.stringify({ now: now() })}\n\n`);
    this.streams.add(response);
    response.on("close", () => this.streams.delete(response));
  }

  private send(topic: string, data: unknown): void {
    this.fixtures.picture.seq += 1;
    for (const stream of this.streams)
      stream.write(`id: ${this.fixtures.picture.seq}\nevent: ${topic}\ndata: ${JSON.stringify(data)}\n\n`);
  }

  private lose(response: ServerResponse, lost: boolean): void {
    this.lost = lost;
    if (lost) for (const stream of this.streams) stream.destroy();
    response.end("ok");
  }

  private command(what: Record<string, string>): unknown {
    const picture = this.fixtures.picture;
    if (what["command"] === "acknowledge") {
      const card = picture.queue.find((c) =>
        [c.facts.incident, c.subject.id].includes(what["incident"] ?? what["source"] ?? what["channel"]),
      );
      if (card) card.acknowledged = { by: "Ana Ruiz", at: now() };
    }
    if (what["command"] === "label") picture.queue = picture.queue.filter((c) => c.facts.hazard !== what["hazard"]);
    this.send("queue", { cards: picture.queue });
    return { said: [], seq: picture.seq };
  }
}

function now(): string {
  return new Date().toISOString();
}

/** What accounts, templates and the audit would answer. */
function office(path: string, fixtures: Fixtures): unknown {
  const { picture, session } = fixtures;
  switch (path) {
    case "/oidc":
      return { enabled: false, title: null };
    case "/passkeys":
      return { items: [] };
    case "/people":
      return { items: [{ ...session.person, disabled: null, created: picture.now }] };
    case "/areas":
      return { type: "FeatureCollection", features: [] };
    case "/api-keys":
      return { items: [], scopes: ["read"] };
    case "/audit":
      return {
        items: [
          {
            seq: 9,
            at: picture.now,
            by: "ana",
            action: "approve",
            subject: "incident-fire-a-1",
            outcome: "done",
            detail: "",
          },
        ],
        next: null,
      };
    case "/templates":
      return {
        languages: ["es", "en"],
        kinds: ["fire", "flood", "volcanic_ash", "storm", "evacuation", "test"].map((kind) => ({
          kind,
          event: { es: kind, en: kind },
          placeholders: kind === "flood" ? ["river", "level", "details"] : ["details"],
        })),
        urgency: ["Immediate", "Expected", "Past"],
        severity: ["Extreme", "Severe", "Moderate", "Minor"],
        certainty: ["Observed", "Likely", "Possible"],
        expires_h: { fire: 6 },
      };
    case "/warnings/preview": {
      const [warning] = picture.warnings;
      return warning && fixtures.warningDetail(warning);
    }
    case "/places/import":
      return {
        rows: 12,
        accepted: 10,
        rejected: { "latitude-out-of-range": 2 },
        sample: [],
        changes: { added: 9, changed: 1, removed: 0 },
      };
    default:
      return undefined;
  }
}

function grid(): unknown {
  const cells = Array.from({ length: Number(process.env["MOCK_CELLS"] ?? 400) }, (_, i) => ({
    lon: -81 + ((i * 37) % 997) / 200,
    lat: -5 + ((i * 53) % 991) / 200,
    count: 1 + ((i * 7) % 40),
    frp_mw: i,
    newest: now(),
  }));
  return { cell_deg: 0.05, since: now(), cells };
}

async function body(request: IncomingMessage): Promise<string> {
  const parts: Buffer[] = [];
  for await (const part of request) parts.push(part as Buffer);
  return Buffer.concat(parts).toString("utf8");
}
