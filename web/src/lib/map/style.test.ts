import { validateStyleMin } from "@maplibre/maplibre-gl-style-spec";
import { describe, expect, it } from "vitest";
import { withTown } from "../../apps/ops/overlays";
import { LABELS_BEGIN, mapStyle, STREETS_BEGIN } from "./style";

describe.each(["dark", "light"] as const)("the %s style", (theme) => {
  const style = mapStyle(theme, "pmtiles://here/monaco.pmtiles", [7.3, 43.7, 7.5, 43.8]);

  it("is a valid style, alone and with the town on it", () => {
    expect(validateStyleMin(style)).toEqual([]);
    expect(validateStyleMin(withTown(style, theme))).toEqual([]);
  });

  it("asks no other host for anything and credits OpenStreetMap", () => {
    expect(style.glyphs).toBeUndefined();
    expect(style.sprite).toBeUndefined();
    expect(JSON.stringify(style)).toContain("© OpenStreetMap contributors");
  });

  it("puts demand below the streets and routes below the names", () => {
    const order = withTown(style, theme).layers.map((layer) => layer.id);
    expect(order.indexOf("heat")).toBeLessThan(order.indexOf(STREETS_BEGIN));
    expect(order.indexOf("routes")).toBeGreaterThan(order.indexOf("street-motorway"));
    expect(order.indexOf("routes")).toBeLessThan(order.indexOf(LABELS_BEGIN));
  });

  it("hides the cut edge of the tiles under everything that lives on the map", () => {
    const order = withTown(style, theme).layers.map((layer) => layer.id);
    expect(order.indexOf("edge")).toBeGreaterThan(order.indexOf("street-motorway"));
    expect(order.indexOf("edge-rim")).toBeLessThan(order.indexOf("routes"));
  });

  it("is still a map of the town where there are no tiles", () => {
    const bare = withTown(mapStyle(theme, null, null), theme);
    expect(validateStyleMin(bare)).toEqual([]);
    expect(bare.layers.map((layer) => layer.id)).toContain("routes");
  });
});
