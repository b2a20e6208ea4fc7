/**
 * The map's style over tiles in the OpenMapTiles schema: no glyphs, no sprites, no other host.
 *
 * Without `glyphs` MapLibre draws labels from the fonts of the machine. The sea is part of the tiles' `water`;
 * where an extract's coast does not close, it looks like land and nothing breaks. Past what the tiles cover the
 * map fades into the colour of the sea, so that no cut edge shows.
 */
import type {
  ExpressionSpecification,
  FilterSpecification,
  LayerSpecification,
  LineLayerSpecification,
  StyleSpecification,
} from "maplibre-gl";
import type { Theme } from "../theme/theme.svelte";
import { PALETTES, type Palette } from "./palette";

/** The first layer above streets: what goes below labels is inserted before it. */
export const LABELS_BEGIN = "street-label";
/** The first street layer: areas such as the demand are inserted before it. */
export const STREETS_BEGIN = "street-path";
export const ATTRIBUTION =
  '<a href="https://www.openstreetmap.org/copyright" target="_blank" rel="noopener">© OpenStreetMap contributors</a> (ODbL)';

/** The source that holds the tiles. */
export const STREETS = "basemap";
const REGULAR = ["Noto Sans", "DejaVu Sans", "Segoe UI"];
const BOLD = ["Noto Sans Bold", "Noto Sans", "DejaVu Sans", "Segoe UI"]; // MapLibre reads the weight off the first name

export type Bounds = [west: number, south: number, east: number, north: number];

/** `tiles` is a pmtiles:// address, or null for a map without streets. `bounds` is what the tiles cover. */
export function mapStyle(theme: Theme, tiles: string | null, bounds: Bounds | null): StyleSpecification {
  const paint = PALETTES[theme];
  const background: LayerSpecification = {
    id: "void",
    type: "background",
    paint: { "background-color": paint.void },
  };
  if (!tiles || !bounds) return { version: 8, sources: {}, layers: [background] };
  return {
    version: 8,
    sources: {
      [STREETS]: { type: "vector", url: tiles, attribution: ATTRIBUTION },
      land: { type: "geojson", data: { type: "Polygon", coordinates: [rectangle(bounds)] } },
      edge: { type: "geojson", data: { type: "Polygon", coordinates: [EVERYWHERE, rectangle(bounds)] } },
    },
    layers: [background, ...areas(paint), ...streets(paint), ...edge(paint), ...labels(paint)],
  };
}

function rectangle([w, s, e, n]: Bounds): [number, number][] {
  return [
    [w, s],
    [e, s],
    [e, n],
    [w, n],
    [w, s],
  ];
}

const EVERYWHERE = rectangle([-180, -85, 180, 85]);

/** What the tiles do not cover, painted over whatever of them sticks out, with a soft rim inwards. */
function edge(paint: Palette): LayerSpecification[] {
  const rim = ["interpolate", ["exponential", 2], ["zoom"], 10, 6, 16, 260] as ExpressionSpecification;
  return [
    { id: "edge", type: "fill", source: "edge", paint: { "fill-color": paint.void } },
    {
      id: "edge-rim",
      type: "line",
      source: "edge",
      paint: { "line-color": paint.void, "line-width": rim, "line-blur": rim },
    },
  ];
}

function areas(paint: Palette): LayerSpecification[] {
  return [
    { id: "land", type: "fill", source: "land", paint: { "fill-color": paint.land } },
    fill("built", "landuse", paint.built, 0.8),
    fill("green-cover", "landcover", paint.green, 0.75, [
      "match",
      ["get", "class"],
      ["wood", "grass", "wetland", "farmland"],
      true,
      false,
    ]),
    fill("green-park", "park", paint.green, 0.9),
    fill("sea", "water", paint.sea, 1),
    {
      id: "shore-glow",
      type: "line",
      source: STREETS,
      "source-layer": "water",
      paint: {
        "line-color": paint.shore,
        "line-width": grow(3, 16),
        "line-blur": grow(3, 14),
        "line-opacity": 0.35,
      },
    },
    {
      id: "shore",
      type: "line",
      source: STREETS,
      "source-layer": "water",
      paint: { "line-color": paint.shore, "line-width": 1, "line-opacity": 0.7 },
    },
    {
      id: "pier",
      type: "fill",
      source: STREETS,
      "source-layer": "transportation",
      filter: ["all", ["==", ["geometry-type"], "Polygon"], ["==", ["get", "class"], "pier"]],
      paint: { "fill-color": paint.land },
    },
    {
      id: "building",
      type: "fill",
      source: STREETS,
      "source-layer": "building",
      minzoom: 13,
      paint: {
        "fill-color": paint.building,
        "fill-outline-color": paint.buildingEdge,
        "fill-opacity": ["interpolate", ["linear"], ["zoom"], 13, 0.35, 15, 0.85],
      },
    },
  ];
}

/** Widths in pixels at zoom 12 and at zoom 17; ways widen exponentially in between, as real ones do. */
function grow(at12: number, at17: number): ExpressionSpecification {
  return ["interpolate", ["exponential", 1.55], ["zoom"], 12, at12, 17, at17];
}

const MAIN = ["primary", "trunk", "motorway"];
const MIDDLE = ["secondary", "tertiary"];
const SMALL = ["minor", "unclassified", "residential", "busway"];

function streets(paint: Palette): LayerSpecification[] {
  return [
    way("street-path", ["path", "track", "pier"], paint.path, grow(0.3, 2), { minzoom: 14, dash: [2, 2] }),
    way("street-service", ["service"], paint.path, grow(0.3, 5), { minzoom: 13 }),
    way("street-minor-casing", SMALL, paint.casing, grow(1.4, 15)),
    way("street-middle-casing", MIDDLE, paint.casing, grow(2.6, 19)),
    way("street-main-casing", MAIN, paint.casing, grow(3.4, 23)),
    way("street-middle-glow", MIDDLE, paint.glow, grow(5, 26), {
      blur: grow(4, 18),
      opacity: paint.glowOpacity * 0.7,
    }),
    way("street-main-glow", MAIN, paint.glow, grow(8, 36), { blur: grow(6, 24), opacity: paint.glowOpacity }),
    way("street-minor", SMALL, paint.minor, grow(0.8, 11)),
    way("street-middle", MIDDLE, paint.secondary, grow(1.5, 14)),
    way("street-primary", ["primary", "trunk"], paint.primary, grow(2, 17)),
    way("street-motorway", ["motorway"], paint.motorway, grow(2.2, 16)),
    way("rail", ["rail", "transit"], paint.rail, grow(0.6, 2.4), { dash: [4, 3] }),
    {
      id: "boundary",
      type: "line",
      source: STREETS,
      "source-layer": "boundary",
      filter: ["==", ["get", "admin_level"], 2],
      paint: {
        "line-color": paint.boundary,
        "line-width": 1.4,
        "line-dasharray": [5, 3, 1, 3],
        "line-opacity": 0.7,
      },
    },
  ];
}

function labels(paint: Palette): LayerSpecification[] {
  const name: ExpressionSpecification = ["coalesce", ["get", "name:latin"], ["get", "name"]];
  const halo = { "text-halo-color": paint.halo, "text-halo-width": 1.5, "text-halo-blur": 0.4 };
  return [
    {
      id: LABELS_BEGIN,
      type: "symbol",
      source: STREETS,
      "source-layer": "transportation_name",
      minzoom: 13,
      filter: [
        "all",
        ["!", ["in", ["get", "class"], ["literal", ["ferry", "rail", "path", "track"]]]],
        [">=", ["zoom"], ["match", ["get", "class"], [...MAIN, ...MIDDLE], 13, 15]],
      ],
      layout: {
        "symbol-placement": "line",
        "symbol-spacing": 320,
        "text-field": name,
        "text-font": REGULAR,
        "text-size": ["interpolate", ["linear"], ["zoom"], 13, 10, 17, 13],
        "text-max-angle": 32,
        "text-padding": 6,
      },
      paint: { "text-color": paint.street, ...halo },
    },
    {
      id: "water-label",
      type: "symbol",
      source: STREETS,
      "source-layer": "water_name",
      layout: {
        "text-field": name,
        "text-font": ["Noto Sans Italic", ...REGULAR],
        "text-size": 12,
        "text-letter-spacing": 0.08,
      },
      paint: { "text-color": paint.water, ...halo },
    },
    place(
      "place-quarter",
      ["suburb", "neighbourhood", "quarter", "locality", "hamlet"],
      paint.place,
      REGULAR,
      [11, 14],
      {
        ...halo,
        minzoom: 13,
      },
    ),
    place("place-town", ["town", "village"], paint.place, REGULAR, [12, 17], halo),
    place("place-city", ["city", "country"], paint.place, BOLD, [15, 24], halo),
  ];
}

function fill(
  id: string,
  layer: string,
  color: string,
  opacity: number,
  filter?: FilterSpecification,
): LayerSpecification {
  const paint = { "fill-color": color, "fill-opacity": opacity };
  return { id, type: "fill", source: STREETS, "source-layer": layer, paint, ...(filter ? { filter } : {}) };
}

interface WayOptions {
  minzoom?: number;
  dash?: number[];
  blur?: ExpressionSpecification;
  opacity?: number;
}

function way(
  id: string,
  classes: string[],
  color: string,
  width: ExpressionSpecification,
  options: WayOptions = {},
): LineLayerSpecification {
  const tunnel: ExpressionSpecification = ["case", ["==", ["get", "brunnel"], "tunnel"], 0.4, 1];
  return {
    id,
    type: "line",
    source: STREETS,
    "source-layer": "transportation",
    ...(options.minzoom ? { minzoom: options.minzoom } : {}),
    filter: ["all", ["==", ["geometry-type"], "LineString"], ["in", ["get", "class"], ["literal", classes]]],
    layout: { "line-cap": options.dash ? "butt" : "round", "line-join": "round" },
    paint: {
      "line-color": color,
      "line-width": width,
      "line-opacity": options.opacity === undefined ? tunnel : options.opacity,
      ...(options.blur ? { "line-blur": options.blur } : {}),
      ...(options.dash ? { "line-dasharray": options.dash } : {}),
    },
  };
}

function place(
  id: string,
  classes: string[],
  color: string,
  font: string[],
  [at12, at16]: [number, number],
  { minzoom, ...halo }: { minzoom?: number } & Record<string, unknown>,
): LayerSpecification {
  return {
    id,
    type: "symbol",
    source: STREETS,
    "source-layer": "place",
    ...(minzoom ? { minzoom } : {}),
    filter: ["in", ["get", "class"], ["literal", classes]],
    layout: {
      "text-field": ["coalesce", ["get", "name:latin"], ["get", "name"]],
      "text-font": font,
      "text-size": ["interpolate", ["linear"], ["zoom"], 12, at12, 16, at16],
      "text-max-width": 7,
    },
    paint: { "text-color": color, ...halo },
  };
}
