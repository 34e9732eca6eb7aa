import { afterEach, describe, expect, it } from "vitest";
import { makeFixtures } from "../mock/fixtures.ts";
import type { Card } from "../src/api/types.ts";
import { clock, day, moment, utc, zone } from "../src/format/time.ts";
import { ago, area, distance, people, position, span } from "../src/format/units.ts";
import { heading, reason, seen } from "../src/hazard/statement.ts";
import { setLanguage } from "../src/i18n/index.ts";
import { sounding } from "../src/queue/alarm-rule.ts";
import { reasons, roman, sentence } from "../src/queue/sentence.ts";

const NOW = Date.parse("2024-09-03T20:00:00Z");
const { picture } = makeFixtures(NOW);
const card = (id: string): Card => picture.queue.find((each) => each.id === id) as Card;
const plain = (text: string): string => text.replace(/[\u202f\u00a0]/g, " ");

afterEach(() => setLanguage("en"));

describe("a card in one sentence", () => {
  it("of a fire with a draft", async () => {
    const fire = card("incident-fire-1");
    expect(plain(sentence(fire, NOW))).toBe(
      "Fire, 12 km², 240 m from Vilcabamba (4,500 people) and 3 more places, 6,310 people in all, growing for 3 h. Draft warning waits for approval.",
    );
    await setLanguage("es");
    expect(plain(sentence(fire, NOW))).toBe(
      "Incendio, 12 km², a 240 m de Vilcabamba (4.500 personas) y 3 lugares más, 6.310 personas en total, crece desde hace 3 h. Borrador de aviso por aprobar.",
    );
  });

  it("counts the approvals that are missing", () => {
    const fire = card("incident-fire-1");
    const half = { ...fire, facts: { ...fire.facts, approvals: ["luis"], msg_type: "Cancel" as const } };
    expect(plain(sentence(half, NOW))).toContain("Draft cancellation: 1 more approval needed.");
  });

  it("of an earthquake whose warning ends soon", () => {
    expect(plain(sentence(card("expiring-quake"), NOW))).toBe(
      "Earthquake of magnitude 6.7, 44 km deep, intensity VI at Machala (261,000 people) and 60 more places, 412,000 people in all. Its warning ends in 40 min.",
    );
  });

  it("of a silent feed: no data is not no fire", () => {
    expect(plain(sentence(card("source-snpp"), NOW))).toBe(
      "firms-snpp has been silent for 3 h: no data is not “no fire”.",
    );
  });

  it("of a failing channel", () => {
    expect(plain(sentence(card("channel-sms"), NOW))).toBe("Channel sms fails: 85 messages wait, 2 undeliverable.");
  });

  it("leaves out what is unknown", () => {
    const bare: Card = {
      ...card("incident-fire-2"),
      facts: { kind: "fire", area_km2: null, place: null, population: null },
    };
    expect(sentence(bare, NOW)).toBe("Fire. No warning yet.");
  });

  it("gives the reasons of its place", () => {
    expect(reasons(card("incident-fire-1")).map(plain)).toEqual(["Severity: Severe", "Nearest place: 240 m"]);
  });
});

describe("the alarm", () => {
  it("sounds for what nobody acknowledged, and for nothing else", () => {
    expect(sounding(picture.queue).map((each) => each.id)).toEqual(["incident-fire-1"]);
    const acknowledged = picture.queue.map((each) => ({ ...each, acknowledged: { by: "Ana", at: "" } }));
    expect(sounding(acknowledged)).toEqual([]);
  });
});

describe("a statement", () => {
  it("carries age, origin and confidence", () => {
    const [fire, , , , quake] = picture.hazards;
    expect(fire && plain(seen(fire, NOW))).toBe("Seen 2 h 14 min ago by NOAA-20 and Suomi NPP, nominal confidence.");
    expect(fire && plain(heading(fire))).toBe("Fire, 12 km², growing for 3 h");
    expect(quake && plain(heading(quake))).toBe("Earthquake of magnitude 6.7, 44 km deep");
  });

  it("puts an incident's reasons into words", () => {
    expect(
      [
        "places:1",
        "places:61",
        "population:6310",
        "distance:240",
        "mmi:6.4",
        "certainty:Possible",
        "population-unknown",
      ].map(reason),
    ).toEqual([
      "1 place in reach",
      "61 places in reach",
      "6,310 people in reach",
      "nearest place at 240 m",
      "intensity 6.4",
      "certainty: possible",
      "population unknown",
    ]);
  });
});

describe("quantities", () => {
  it("are as exact as people say them", () => {
    expect([0.4, 7, 238, 999, 1_240, 9_960, 35_400].map(distance).map(plain)).toEqual([
      "0 m",
      "10 m",
      "240 m",
      "1,000 m",
      "1.2 km",
      "10 km",
      "35 km",
    ]);
    expect([0.001, 0.042, 0.7, 12.4].map(area).map(plain)).toEqual(["1 ha", "4 ha", "0.7 km²", "12 km²"]);
    expect([1, 999, 260_528].map(people)).toEqual(["1 person", "999 people", "261,000 people"]);
    expect([0, 59_999, 60_000, 8_040_000, 172_800_000, 273_600_000].map(span).map(plain)).toEqual([
      "0 s",
      "59 s",
      "1 min",
      "2 h 14 min",
      "2 d",
      "3 d 4 h",
    ]);
    expect(plain(ago(NOW - 8_040_000, NOW))).toBe("2 h 14 min ago");
    expect(plain(ago(NOW + 2_400_000, NOW))).toBe("in 40 min");
    expect(position(-79.2042, -3.9931)).toBe("3.9931° S, 79.2042° W");
    expect([0, 6.4, 9.6, 15].map(roman)).toEqual(["I", "VI", "X", "XII"]);
  });

  it("follow the language", async () => {
    await setLanguage("es");
    expect(plain(distance(1_240))).toBe("1,2 km");
    expect(position(-79.2042, -3.9931)).toBe("3,9931° S, 79,2042° O");
  });
});

describe("times", () => {
  const zoneName = "America/Guayaquil";
  it("are local with the zone, UTC at hand", () => {
    expect(clock(NOW, zoneName)).toBe("15:00");
    expect(zone(NOW, zoneName)).toBe("UTC−5");
    expect(zone(NOW, "Asia/Kolkata")).toBe("UTC+5:30");
    expect(zone(NOW, "UTC")).toBe("UTC");
    expect(utc(NOW)).toBe("2024-09-03 20:00:00 UTC");
    expect(day(NOW, zoneName)).toContain("3 Sep");
  });

  it("say the day when it is not today, by the local calendar", () => {
    const evening = Date.parse("2024-09-04T02:00:00Z"); // still the third in Guayaquil
    expect(moment(evening, zoneName, NOW)).toBe("21:00");
    expect(moment(NOW - 86_400_000, zoneName, NOW)).toMatch(/^2 Sept?, 15:00$/);
  });
});
