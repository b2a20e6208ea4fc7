import { describe, expect, it } from "vitest";
import { distance, duration, localeOf, moment } from "./habits";

describe("the locale of numbers and times", () => {
  it("is the browser's own of the page's language", () => {
    expect(localeOf("fr", ["fr-CH", "en-US"])).toBe("fr-CH");
    expect(localeOf("en", ["fr-FR", "en-US"])).toBe("en-US");
  });

  it("is a European one where the browser wishes for another language", () => {
    expect(localeOf("en", ["fr-FR", "fr"])).toBe("en-GB");
    expect(localeOf("fr", ["en-US"])).toBe("fr-FR");
    expect(localeOf("en", ["en-US@posix"])).toBe("en-GB");
  });
});

describe("a moment", () => {
  const now = new Date(2026, 10, 28, 9, 0);

  it("of today is a time", () => {
    expect(moment(new Date(2026, 10, 28, 7, 5), now, "en-GB", "short")).toBe("07:05");
    expect(moment(new Date(2026, 10, 28, 7, 5, 9), now, "fr-FR", "medium")).toBe("07:05:09");
  });

  it("of another day says which", () => {
    expect(moment(new Date(2026, 10, 27, 14, 36), now, "en-GB", "short")).toBe("27 Nov 2026, 14:36");
    expect(moment(new Date(2026, 10, 27, 14, 36), now, "fr-FR", "short")).toMatch(/^27 nov\. 2026.*14:36$/);
  });
});

describe("a length", () => {
  it("keeps its unit on its line", () => {
    expect(duration(12)).toBe("12\u00a0s");
    expect(duration(180)).toBe("3\u00a0min");
    expect(duration(3900)).toBe("65\u00a0min");
    expect(duration(7140)).toBe("1\u00a0h\u00a059");
    expect(duration(7199)).toBe("2\u00a0h\u00a000");
    expect(distance(344, "en-GB")).toBe("340\u00a0m");
    expect(distance(2130, "fr-FR")).toBe("2,1\u00a0km");
  });

  it("of almost a kilometre is one", () => {
    expect(distance(997, "en-GB")).toBe("1\u00a0km");
  });
});
