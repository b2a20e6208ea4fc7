/** The way still ahead of each running engagement, as lines for the map. */
import { decodePolyline, type LonLat } from "$lib/map/polyline";
import { bare, type Engagement, type Provider } from "./items";

const decoded = new Map<string, LonLat[]>();
const MOST = 2000; // routes kept decoded; far more than one view holds

/** Decoding is kept by text: a route is told again with every new ETA. */
function pathOf(route: string): LonLat[] {
  let path = decoded.get(route);
  if (!path) {
    if (decoded.size > MOST) decoded.clear();
    path = decodePolyline(route);
    decoded.set(route, path);
  }
  return path;
}

const KX = 0.72; // cos(44°): one degree of longitude against one of latitude; only nearness is compared
const FAR_DEG = 0.003; // ≈ 300 m off the route: the fix tells nothing about how far along it is

/** `path` from the point nearest to `here` on; all of it when `here` is nowhere near. */
export function ahead(path: readonly LonLat[], here: LonLat | null): LonLat[] {
  if (!here || path.length < 2) return [...path];
  let best = { gap: Number.POSITIVE_INFINITY, index: 0, point: path[0] as LonLat };
  for (let index = 0; index < path.length - 1; index++) {
    const [ax, ay] = path[index] as LonLat;
    const [bx, by] = path[index + 1] as LonLat;
    const [dx, dy] = [(bx - ax) * KX, by - ay];
    const long = dx * dx + dy * dy;
    const part = long ? Math.min(1, Math.max(0, ((here[0] - ax) * KX * dx + (here[1] - ay) * dy) / long)) : 0;
    const point: LonLat = [ax + (bx - ax) * part, ay + (by - ay) * part];
    const gap = Math.hypot((here[0] - point[0]) * KX, here[1] - point[1]);
    if (gap < best.gap) best = { gap, index, point };
  }
  return best.gap > FAR_DEG ? [...path] : [best.point, ...path.slice(best.index + 1)];
}

export interface RouteProperties {
  id: string;
  leg: "approach" | "trip";
  chosen: boolean;
}

/** Whether a selection is this engagement, its provider or its request. */
export function touches(engagement: Engagement, selected: string | null): boolean {
  if (selected === null) return false;
  const { id, provider_id, request_id } = engagement;
  return [id, `p:${bare(provider_id)}`, `r:${bare(request_id)}`].includes(selected);
}

export function routeFeatures(
  engagements: readonly Engagement[],
  providers: readonly Provider[],
  selected: string | null,
): GeoJSON.FeatureCollection<GeoJSON.LineString, RouteProperties> {
  const places = new Map(providers.map(({ id, lon, lat }) => [bare(id), [lon, lat] as LonLat]));
  return {
    type: "FeatureCollection",
    features: engagements
      .filter((engagement) => engagement.route)
      .map((engagement) => ({
        type: "Feature",
        properties: { id: engagement.id, leg: engagement.leg, chosen: touches(engagement, selected) },
        geometry: {
          type: "LineString",
          coordinates: ahead(pathOf(engagement.route), places.get(bare(engagement.provider_id)) ?? null),
        },
      })),
  };
}
