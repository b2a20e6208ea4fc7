import { describe, expect, it } from "vitest";
import { en, type Key } from "./en";
import { fr } from "./fr";

const holes = (text: string) => [...text.matchAll(/\{(\w+)\}/g)].map((match) => match[1]).sort();

describe("French and English", () => {
  it("have the same words, all of them written", () => {
    expect(Object.keys(fr).sort()).toEqual(Object.keys(en).sort());
    for (const words of [...Object.values(en), ...Object.values(fr)]) expect(words.trim()).not.toBe("");
  });

  it.each(Object.keys(en) as Key[])("leave the same holes to fill in %s", (key) => {
    expect(holes(fr[key])).toEqual(holes(en[key]));
  });

  it("leave no colon or question mark alone at the start of a line, where French puts a space before it", () => {
    for (const words of Object.values(fr)) expect(words).not.toMatch(/ [:;!?»]|« /);
  });
});
