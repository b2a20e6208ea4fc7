/** MapLibre with the market's own tiles: one PMTiles file read by Range from this server. */
import { addProtocol, Map as MapLibre, type StyleSpecification, setWorkerUrl } from "maplibre-gl";
import workerUrl from "maplibre-gl/dist/maplibre-gl-worker.mjs?url";
import { PMTiles, Protocol } from "pmtiles";
import "maplibre-gl/dist/maplibre-gl.css";
import type { Bounds } from "./style";

export type { MapLibre };

/** What one market's tile file offers; null where the server has none. */
export interface Basemap {
  tiles: string;
  bounds: Bounds;
}

let protocol: Protocol | null = null;

/** Reads the tile file's header. Resolves with null when there is no such file or it is not PMTiles. */
export async function openBasemap(market: string): Promise<Basemap | null> {
  if (!protocol) {
    setWorkerUrl(new URL(workerUrl, location.href).href); // MapLibre 6 cannot find its worker once bundled
    protocol = new Protocol();
    addProtocol("pmtiles", protocol.tile);
  }
  const url = new URL(`/basemap/${market}.pmtiles`, location.href).href;
  const file = new PMTiles(url);
  try {
    const header = await file.getHeader();
    protocol.add(file);
    return {
      tiles: `pmtiles://${url}`,
      bounds: [header.minLon, header.minLat, header.maxLon, header.maxLat],
    };
  } catch {
    return null;
  }
}

/** True where a map can be drawn at all. */
export function canDraw(): boolean {
  return document.createElement("canvas").getContext("webgl2") !== null;
}

export interface MapOptions {
  container: HTMLElement;
  basemap: Basemap | null;
  style: StyleSpecification;
  center: [number, number];
  zoom: number;
  still: boolean;
}

/** `still` turns every fade off, for screenshots and tests. */
export function drawMap({ container, basemap, style, center, zoom, still }: MapOptions): MapLibre {
  return new MapLibre({
    container,
    style,
    center,
    zoom,
    minZoom: 9,
    maxZoom: 19,
    maxPitch: 60,
    attributionControl: false,
    dragRotate: true,
    ...(still ? { fadeDuration: 0 } : {}),
    ...(basemap ? { maxBounds: roomy(basemap.bounds) } : {}),
  });
}

/** The bounds and as much again around them: one may step back, not get lost. */
function roomy([w, s, e, n]: Bounds): [[number, number], [number, number]] {
  const [x, y] = [e - w, n - s];
  return [
    [w - x, s - y * 1.5],
    [e + x, n + y * 1.5],
  ];
}
