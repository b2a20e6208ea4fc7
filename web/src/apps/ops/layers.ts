/** The moving part of the map in deck.gl: requests that pulse, providers, the selection. */
import type { Layer, PickingInfo } from "@deck.gl/core";
import { IconLayer, ScatterplotLayer, TextLayer } from "@deck.gl/layers";
import type { Theme } from "$lib/theme/theme.svelte";
import { center } from "./heat";
import type { Cell, Item, Provider, Request } from "./items";
import { LOOKS, rgb } from "./look";
import type { Motion } from "./motion";
import { beaked, type Sprites, spriteOf } from "./sprites";
import type { Sorted } from "./town";

export interface Scene {
  shown: Sorted;
  /** the server sends cells for providers, as it does from afar */
  afar: boolean;
  theme: Theme;
  sprites: Sprites;
  motion: Motion;
  /** ms on the page's monotonic clock */
  now: number;
  zoom: number;
  selected: string | null;
  still: boolean;
}

export function layersOf(scene: Scene): Layer[] {
  return [...requestLayers(scene), ...supplyLayers(scene), ...providerLayers(scene)];
}

/** The item under a click, if it is one of ours. */
export function picked(info: PickingInfo | null | undefined): Item | null {
  return (info?.object as Item | undefined) ?? null;
}

const PULSE_MS = 1800; // one calm breath

function requestLayers({ shown, theme, now, still, selected }: Scene): Layer[] {
  const color = rgb(LOOKS[theme].request);
  const beat = still ? 0.35 : (now % PULSE_MS) / PULSE_MS;
  const open = shown.requests.filter((request) => request.state === "open");
  return [
    new ScatterplotLayer<Request>({
      id: "request-pulse",
      data: open,
      getPosition: (request) => [request.lon, request.lat],
      radiusUnits: "pixels",
      billboard: true,
      getRadius: 7 + beat * 15,
      getFillColor: [...color, Math.round(90 * (1 - beat))],
      updateTriggers: { getRadius: beat, getFillColor: [theme, beat] },
    }),
    new ScatterplotLayer<Request>({
      id: "request",
      data: shown.requests,
      pickable: true,
      getPosition: (request) => [request.lon, request.lat],
      radiusUnits: "pixels",
      billboard: true,
      getRadius: (request) => (request.id === selected ? 9 : 6.5),
      stroked: true,
      lineWidthUnits: "pixels",
      getLineWidth: 3,
      getFillColor: (request) => (request.state === "open" ? rgb(LOOKS[theme].edge) : [...color, 60]),
      getLineColor: (request) => [...color, request.state === "open" ? 255 : 120],
      updateTriggers: { getFillColor: theme, getLineColor: theme, getRadius: selected },
    }),
  ];
}

/** At low zoom the server sends cells instead of providers: a disc with a count for each. */
function supplyLayers({ shown, afar, theme }: Scene): Layer[] {
  const data = afar ? shown.cells.filter((cell) => cell.supply > 0) : [];
  const look = LOOKS[theme];
  const position = (cell: Cell) => center(cell.cell);
  return [
    new ScatterplotLayer<Cell>({
      id: "supply",
      data,
      getPosition: position,
      radiusUnits: "pixels",
      billboard: true,
      getRadius: (cell) => 9 + Math.sqrt(cell.supply) * 2.5,
      stroked: true,
      lineWidthUnits: "pixels",
      getLineWidth: 2,
      getLineColor: rgb(look.edge),
      getFillColor: [...rgb(look.provider.idle), 230],
      updateTriggers: { getFillColor: theme, getLineColor: theme },
    }),
    new TextLayer<Cell>({
      id: "supply-count",
      data,
      getPosition: position,
      getText: (cell) => String(cell.supply),
      getSize: 12,
      fontFamily: "system-ui, sans-serif",
      fontWeight: 700,
      getColor: theme === "dark" ? [5, 34, 26] : [255, 255, 255],
      updateTriggers: { getColor: theme },
    }),
  ];
}

function providerLayers({ shown, theme, sprites, motion, now, zoom, selected }: Scene): Layer[] {
  const place = (provider: Provider): [number, number] =>
    motion.place(provider.id, now) ?? [provider.lon, provider.lat];
  const size = Math.min(40, Math.max(24, 24 + (zoom - 13) * 4));
  const chosen = shown.providers.filter((provider) => provider.id === selected);
  return [
    new ScatterplotLayer<Provider>({
      id: "chosen",
      data: chosen,
      getPosition: place,
      radiusUnits: "pixels",
      billboard: true,
      getRadius: size * 0.62,
      filled: false,
      stroked: true,
      lineWidthUnits: "pixels",
      getLineWidth: 2.5,
      getLineColor: rgb(LOOKS[theme].label),
      updateTriggers: { getPosition: now, getLineColor: theme },
    }),
    new IconLayer<Provider>({
      id: `provider-${theme}`,
      data: shown.providers,
      pickable: true,
      iconAtlas: sprites.atlas as unknown as string, // deck takes any image, its types only know an address
      iconMapping: sprites.mapping,
      getIcon: spriteOf,
      getPosition: place,
      getSize: size,
      getAngle: (provider) => (beaked(provider) ? -(provider.heading ?? 0) : 0),
      updateTriggers: { getPosition: now },
    }),
  ];
}
