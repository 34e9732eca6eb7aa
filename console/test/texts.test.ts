import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { fill } from "../src/i18n/index.ts";

const folder = join(import.meta.dirname, "../src/i18n");
const texts = (name: string): Record<string, string> => JSON.parse(readFileSync(join(folder, name), "utf8"));
const placeholders = (text: string): string[] => [...text.matchAll(/\{(\w+)\}/g)].map((found) => found[1] ?? "").sort();

describe("texts", () => {
  for (const part of ["", "views."]) {
    const es = texts(`${part}es.json`);
    const en = texts(`${part}en.json`);

    it(`have the same keys in both languages (${part || "shell"})`, () => {
      expect(Object.keys(en).sort()).toEqual(Object.keys(es).sort());
    });

    it(`have the same placeholders in both languages (${part || "shell"})`, () => {
      for (const [key, text] of Object.entries(es))
        expect([key, placeholders(en[key] ?? "")]).toEqual([key, placeholders(text)]);
    });

    it(`have both plurals or none (${part || "shell"})`, () => {
      for (const key of Object.keys(es)) {
        if (key.endsWith("_one")) expect(Object.keys(es)).toContain(key.replace(/_one$/, "_other"));
      }
    });
  }

  it("are all used, and no literal key is missing", () => {
    const sources = readdirSync(join(folder, ".."), { recursive: true, encoding: "utf8" }).filter((path) =>
      path.endsWith(".ts"),
    );
    const code = sources.map((path) => readFileSync(join(folder, "..", path), "utf8")).join("\n");
    const all = { ...texts("es.json"), ...texts("views.es.json") };
    const known = new Set(Object.keys(all).map((key) => key.replace(/_(one|other)$/, "")));
    for (const [, key] of code.matchAll(/\bt\(\s*"([^"]+)"/g)) expect(known).toContain(key);
    // A key is named whole, or made of a prefix and a code: t(`mode.${status}`), tCode("kind", code).
    const unused = [...known].filter((key) => {
      const prefixes = [...key.matchAll(/\./g)].map((dot) => key.slice(0, dot.index));
      return (
        !code.includes(`"${key}"`) &&
        !prefixes.some((p) => code.includes(`\`${p}.$\{`) || new RegExp(`tCode\\(\\s*"${p}"`).test(code))
      );
    });
    expect(unused).toEqual([]);
  });

  it("are filled with values, and plurals chosen by number", () => {
    const rules = new Intl.PluralRules("en");
    const own = { x_one: "{n} fire by {who}", x_other: "{n} fires by {who}", y: "{missing}!" };
    expect(fill("x", own, rules, { n: 1, who: "A" })).toBe("1 fire by A");
    expect(fill("x", own, rules, { n: 2, who: "B" })).toBe("2 fires by B");
    expect(fill("y", own, rules)).toBe("!");
    expect(fill("z", own, rules)).toBe("z");
  });
});
