/** The demand's place in the style: below the streets, so that the map stays readable through it. */
import type { StyleSpecification } from "maplibre-gl";
import { STREETS_BEGIN } from "$lib/map/style";
import type { Theme } from "$lib/theme/theme.svelte";
import { LOOKS } from "./look";

export const HEAT = "heat";

export function withHeat(style: StyleSpecification, theme: Theme): StyleSpecification {
  const { heat, heatOpacity } = LOOKS[theme];
  const begin = style.layers.findIndex((layer) => layer.id === STREETS_BEGIN);
  const at = begin < 0 ? style.layers.length : begin;
  return {
    ...style,
    sources: {
      ...style.sources,
      [HEAT]: { type: "geojson", data: { type: "FeatureCollection", features: [] } },
    },
    layers: [
      ...style.layers.slice(0, at),
      {
        id: HEAT,
        type: "fill",
        source: HEAT,
        paint: {
          "fill-color": ["match", ["get", "step"], 1, heat[1], 2, heat[2], 3, heat[3], 4, heat[4], heat[0]],
          "fill-opacity": heatOpacity,
        },
      },
      {
        id: "heat-edge",
        type: "line",
        source: HEAT,
        paint: {
          "line-color": ["match", ["get", "step"], 1, heat[1], 2, heat[2], 3, heat[3], 4, heat[4], heat[0]],
          "line-width": 1,
          "line-opacity": 0.55,
        },
      },
      ...style.layers.slice(at),
    ],
  };
}
