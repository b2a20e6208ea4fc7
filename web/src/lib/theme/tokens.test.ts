import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";

const css = readFileSync(new URL("./tokens.css", import.meta.url), "utf8");

/** The `--name: #rrggbb` of a block. */
function colors(block: string): Record<string, string> {
  return Object.fromEntries(
    [...block.matchAll(/--([\w-]+):\s*(#[0-9a-f]{6});/g)].map(([, name, hex]) => [
      name as string,
      hex as string,
    ]),
  );
}

/** Relative luminance and contrast as WCAG 2.2 defines them. */
function luminance(hex: string): number {
  const [r, g, b] = [1, 3, 5].map((at) => {
    const part = Number.parseInt(hex.slice(at, at + 2), 16) / 255;
    return part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4;
  }) as [number, number, number];
  return 0.2126 * r + 0.7152 * g + 0.0722 * b;
}

function contrast(one: string, other: string): number {
  const [low, high] = [luminance(one), luminance(other)].sort((a, b) => a - b) as [number, number];
  return (high + 0.05) / (low + 0.05);
}

const [first = "", second = ""] = css.split(':root[data-theme="light"]');
const dark = colors(first);
const themes = { dark, light: { ...dark, ...colors(second.slice(0, second.indexOf("}"))) } };

describe.each(Object.entries(themes))("in the %s theme", (_, paint) => {
  const of = (name: string) => paint[name] ?? "";

  it.each(["text", "soft", "accent", "warm", "danger"])("%s is read on every ground (AA, 4.5:1)", (name) => {
    for (const ground of ["void", "ground", "raised"]) {
      expect(contrast(of(name), of(ground)), `${name} on ${ground}`).toBeGreaterThanOrEqual(4.5);
    }
  });

  it("what stands on the accent is read", () => {
    expect(contrast(of("on-accent"), of("accent"))).toBeGreaterThanOrEqual(4.5);
  });

  it.each(["idle", "offered", "approach", "busy", "stale", "request", "line-strong"])(
    "%s is told from the panel it is drawn on (3:1, no text)",
    (name) => {
      expect(contrast(of(name), of("raised"))).toBeGreaterThanOrEqual(3);
    },
  );
});
