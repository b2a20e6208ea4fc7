/** The moving part of the map in deck.gl: routes with a glow, requests that pulse, providers, the selection. */
import type { Layer, PickingInfo } from "@deck.gl/core";
import { IconLayer, PathLayer, ScatterplotLayer, TextLayer } from "@deck.gl/layers";
import { decodePolyline, type LonLat } from "$lib/map/polyline";
import type { Theme } from "$lib/theme/theme.svelte";
import { center } from "./heat";
import { bare, type Cell, type Engagement, type Item, type Provider, type Request } from "./items";
import { LOOKS, type Rgb, rgb } from "./look";
import type { Motion } from "./motion";
import { beaked, type Sprites, spriteOf } from "./sprites";
import type { Sorted } from "./town";

export interface Scene {
  shown: Sorted;
  theme: Theme;
  sprites: Sprites;
  motion: Motion;
  /** ms on the page's monotonic clock */
  now: number;
  zoom: number;
  selected: string | null;
  still: boolean;
}

const routes = new Map<string, LonLat[]>();

/** Decoding is kept by text: a route is sent again with every new ETA. */
function pathOf(engagement: Engagement): LonLat[] {
  let path = routes.get(engagement.route);
  if (!path) {
    if (routes.size > 2000) routes.clear(); // far more than one view holds
    path = decodePolyline(engagement.route);
    routes.set(engagement.route, path);
  }
  return path;
}

export function layersOf(scene: Scene): Layer[] {
  return [...routeLayers(scene), ...requestLayers(scene), ...supplyLayers(scene), ...providerLayers(scene)];
}

/** The item under a click, if it is one of ours. */
export function picked(info: PickingInfo | null | undefined): Item | null {
  return (info?.object as Item | undefined) ?? null;
}

function routeLayers({ shown, theme, selected }: Scene): Layer[] {
  const look = LOOKS[theme];
  const [approach, trip] = [rgb(look.approach), rgb(look.trip)];
  const color = (engagement: Engagement): Rgb => (engagement.leg === "approach" ? approach : trip);
  const data = shown.engagements.filter((engagement) => engagement.route);
  const chosen = (engagement: Engagement) => touches(engagement, selected);
  const dim = selected !== null && data.some(chosen);
  const alpha = (engagement: Engagement, most: number) => (dim && !chosen(engagement) ? most * 0.35 : most);
  const common = {
    data,
    getPath: pathOf,
    widthUnits: "pixels" as const,
    capRounded: true,
    jointRounded: true,
    updateTriggers: { getColor: [theme, selected, dim], getWidth: selected },
  };
  const glow = theme === "dark" ? 1 : 0.6;
  return [
    new PathLayer<Engagement>({
      ...common,
      id: "route-halo",
      getWidth: (engagement) => (chosen(engagement) ? 22 : 16),
      getColor: (engagement) => [...color(engagement), alpha(engagement, 26 * glow)],
    }),
    new PathLayer<Engagement>({
      ...common,
      id: "route-glow",
      getWidth: (engagement) => (chosen(engagement) ? 12 : 8.5),
      getColor: (engagement) => [...color(engagement), alpha(engagement, 60 * glow)],
    }),
    new PathLayer<Engagement>({
      ...common,
      id: "route",
      pickable: true,
      getWidth: (engagement) => (chosen(engagement) ? 5 : 3.2),
      getColor: (engagement) => [...color(engagement), alpha(engagement, 225)],
    }),
    new ScatterplotLayer<Engagement>({
      id: "route-end",
      data,
      getPosition: (engagement) => pathOf(engagement).at(-1) ?? [0, 0],
      radiusUnits: "pixels",
      getRadius: 4.5,
      stroked: true,
      lineWidthUnits: "pixels",
      getLineWidth: 2.5,
      getFillColor: rgb(look.edge),
      getLineColor: (engagement) => [...color(engagement), alpha(engagement, 255)],
      updateTriggers: { getLineColor: [theme, selected, dim], getFillColor: theme },
    }),
  ];
}

function touches(engagement: Engagement, selected: string | null): boolean {
  if (selected === null) return false;
  return [engagement.id, `p:${bare(engagement.provider_id)}`, `r:${bare(engagement.request_id)}`].includes(
    selected,
  );
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
function supplyLayers({ shown, theme }: Scene): Layer[] {
  const data = shown.providers.length > 0 ? [] : shown.cells.filter((cell) => cell.supply > 0);
  const look = LOOKS[theme];
  const position = (cell: Cell) => center(cell.cell);
  return [
    new ScatterplotLayer<Cell>({
      id: "supply",
      data,
      getPosition: position,
      radiusUnits: "pixels",
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
      iconAtlas: sprites.atlas,
      iconMapping: sprites.mapping,
      getIcon: spriteOf,
      getPosition: place,
      getSize: size,
      getAngle: (provider) => (beaked(provider) ? -(provider.heading ?? 0) : 0),
      updateTriggers: { getPosition: now },
    }),
  ];
}
