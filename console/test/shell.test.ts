import { describe, expect, it } from "vitest";
import { makeFixtures } from "../mock/fixtures.ts";
import { queryString } from "../src/api/client.ts";
import { picture } from "../src/live/store.ts";
import { acknowledgement, hazardOf, incidentOf } from "../src/queue/acts.ts";
import { type Binding, find } from "../src/shell/keys.ts";
import { link, match, type Route } from "../src/shell/router.ts";
import { plain } from "../src/shell/words.ts";

const route = (path: string): Route => ({
  path,
  tag: "x-y",
  placement: "map",
  title: "nav.situation",
  load: async () => {},
});

describe("addresses", () => {
  const routes = [route("/"), route("/hazards/:id"), route("/warnings")];
  it("name views, bind parameters and carry queries", () => {
    expect(match(routes, "")?.route.path).toBe("/");
    expect(match(routes, "#/warnings")?.route.path).toBe("/warnings");
    const found = match(routes, "#/hazards/fire%2Fa%20b?at=now");
    expect(found?.params).toEqual({ id: "fire/a b" });
    expect(found?.query.get("at")).toBe("now");
    expect(match(routes, "#/nowhere/at/all")).toBeNull();
  });

  it("are made as they are read, whatever an id contains", () => {
    for (const id of ["a", "a/b", "ñ ?#%"]) expect(match(routes, link("hazards", id))?.params["id"]).toBe(id);
  });
});

describe("keys", () => {
  const binding = (key: string, when = true): Binding => ({
    key,
    label: "key.help",
    group: "keys.general",
    run: () => {},
    when: () => when,
  });
  it("mean a pair before they mean themselves", () => {
    const bindings = [binding("h"), binding("g h")];
    expect(find(bindings, "h", "g")?.key).toBe("g h");
    expect(find(bindings, "h", null)?.key).toBe("h");
    expect(find(bindings, "h", "x")?.key).toBe("h");
  });

  it("mean nothing that cannot be done now", () => {
    expect(find([binding("a", false)], "a", null)).toBeUndefined();
  });
});

describe("deeds", () => {
  const { picture: fixtures } = makeFixtures(Date.now());
  picture.take(fixtures);
  const [draft, expiring, incident, source, channel] = fixtures.queue;
  it("know what a card is about", () => {
    expect([draft, expiring, incident].map((card) => card && incidentOf(card))).toEqual([
      "incident-fire-1",
      "incident-earthquake-1",
      "incident-fire-2",
    ]);
    expect([draft, source].map((card) => card && hazardOf(card))).toEqual(["fire-20240903-a1", null]);
  });

  it("acknowledge the incident, the feed or the channel", () => {
    expect([draft, incident, source, channel].map((card) => card && acknowledgement(card))).toEqual([
      { command: "acknowledge", incident: "incident-fire-1" },
      { command: "acknowledge", incident: "incident-fire-2" },
      { command: "acknowledge", source: "firms-snpp" },
      { command: "acknowledge", channel: "sms" },
    ]);
  });
});

it("a query leaves out what is not asked", () => {
  expect(queryString({ a: 1, b: undefined, c: null, d: "", e: "x y" })).toBe("?a=1&e=x+y");
  expect(queryString({})).toBe("");
});

it("search does not mind accents and capitals", () => {
  expect(plain("PIÑAS")).toBe("pinas");
});
