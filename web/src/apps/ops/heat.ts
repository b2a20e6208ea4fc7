/** H3 cells as filled hexes: demand in five steps from little to much. */
import { cellToBoundary, cellToLatLng } from "h3-js";
import type { Cell } from "./items";

export const STEPS = 5;

/** Which of the five steps a demand falls in, against the busiest cell in view: square root, since counts are skewed. */
export function stepOf(demand: number, busiest: number): number {
  if (demand <= 0 || busiest <= 0) return 0;
  return Math.min(STEPS - 1, Math.floor(Math.sqrt(demand / busiest) * STEPS));
}

const outlines = new Map<string, [number, number][]>();

/** The ring of a cell as [lon, lat], closed. Kept, because a market has few cells and they never move. */
export function outline(cell: string): [number, number][] {
  let ring = outlines.get(cell);
  if (!ring) {
    ring = cellToBoundary(cell, true) as [number, number][];
    outlines.set(cell, ring);
  }
  return ring;
}

export function center(cell: string): [number, number] {
  const [lat, lon] = cellToLatLng(cell);
  return [lon, lat];
}

export function heatFeatures(cells: readonly Cell[]): GeoJSON.FeatureCollection<GeoJSON.Polygon> {
  const asked = cells.filter((cell) => cell.demand > 0);
  const busiest = asked.reduce((most, cell) => Math.max(most, cell.demand), 0);
  return {
    type: "FeatureCollection",
    features: asked.map((cell) => ({
      type: "Feature",
      properties: { step: stepOf(cell.demand, busiest) },
      geometry: { type: "Polygon", coordinates: [outline(cell.cell)] },
    })),
  };
}
