/**
 * What the style itself draws of the town: demand below the streets, routes below the names, so that the map
 * stays readable through both. Everything that glides is deck.gl's, above (layers.ts).
 */
import type {
  ExpressionSpecification,
  GeoJSONSourceSpecification,
  LayerSpecification,
  StyleSpecification,
} from "maplibre-gl";
import { LABELS_BEGIN, STREETS_BEGIN } from "$lib/map/style";
import type { Theme } from "$lib/theme/theme.svelte";
import { LOOKS } from "./look";

export const HEAT = "heat";
export const ROUTES = "routes";

const NOTHING: GeoJSONSourceSpecification = {
  type: "geojson",
  data: { type: "FeatureCollection", features: [] },
};

export function withTown(style: StyleSpecification, theme: Theme): StyleSpecification {
  const layers = before(style.layers, STREETS_BEGIN, heat(theme));
  return {
    ...style,
    sources: { ...style.sources, [HEAT]: NOTHING, [ROUTES]: NOTHING },
    layers: before(layers, LABELS_BEGIN, routes(theme)),
  };
}

/** `more` put before the layer called `id`, or on top where there is none. */
function before(layers: LayerSpecification[], id: string, more: LayerSpecification[]): LayerSpecification[] {
  const found = layers.findIndex((layer) => layer.id === id);
  const at = found < 0 ? layers.length : found;
  return [...layers.slice(0, at), ...more, ...layers.slice(at)];
}

function heat(theme: Theme): LayerSpecification[] {
  const { heat: steps, heatOpacity } = LOOKS[theme];
  const color: ExpressionSpecification = [
    "match",
    ["get", "step"],
    ...steps.slice(1).flatMap((hex, index) => [index + 1, hex]),
    steps[0],
  ] as unknown as ExpressionSpecification;
  return [
    {
      id: HEAT,
      type: "fill",
      source: HEAT,
      paint: { "fill-color": color, "fill-opacity": heatOpacity, "fill-antialias": false },
    },
    {
      id: "heat-edge",
      type: "line",
      source: HEAT,
      paint: { "line-color": color, "line-width": 1, "line-opacity": 0.5 },
    },
  ];
}

function routes(theme: Theme): LayerSpecification[] {
  const { approach, trip, glow } = LOOKS[theme];
  const color: ExpressionSpecification = ["match", ["get", "leg"], "approach", approach, trip];
  const line = (id: string, width: number, blur: number, opacity: number): LayerSpecification => ({
    id,
    type: "line",
    source: ROUTES,
    layout: { "line-cap": "round", "line-join": "round" },
    paint: {
      "line-color": color,
      "line-width": ["interpolate", ["linear"], ["zoom"], 12, widen(width * 0.7), 17, widen(width * 1.7)],
      "line-blur": blur,
      "line-opacity": opacity,
    },
  });
  return [
    line("route-glow", 15, 13, 0.24 * glow),
    line("route-halo", 7, 4, 0.22 * glow),
    line(ROUTES, 2.8, 0, 0.95),
  ];
}

/** The chosen engagement's route is drawn half as wide again. */
function widen(width: number): ExpressionSpecification {
  return ["case", ["get", "chosen"], width * 1.8, width];
}
