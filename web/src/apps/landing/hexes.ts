/** The landing page's picture: a patch of hexes, warmer where more is asked. Pure geometry, the same every time. */

export interface Hex {
  points: string;
  /** 0 (quiet) to 1 (asked for a lot) */
  heat: number;
}

const ROOT3 = Math.sqrt(3);

/** Pointy-top hexes of radius `r` around (cx, cy), `rings` deep; axial coordinates. */
export function patch(cx: number, cy: number, r: number, rings: number): Hex[] {
  const hexes: Hex[] = [];
  for (let q = -rings; q <= rings; q++) {
    for (let s = Math.max(-rings, -q - rings); s <= Math.min(rings, -q + rings); s++) {
      const x = cx + r * ROOT3 * (q + s / 2);
      const y = cy + r * 1.5 * s;
      const far = (Math.abs(q) + Math.abs(s) + Math.abs(q + s)) / 2 / (rings + 0.6);
      const grain = Math.abs(Math.sin(q * 12.9898 + s * 78.233) * 43758.5453) % 1; // the usual shader hash
      if (far > 0.72 && grain < far - 0.35) continue;
      hexes.push({
        points: corners(x, y, r * 0.955),
        heat: Math.max(0, (1 - far) * 0.75 + grain * 0.42 - 0.16),
      });
    }
  }
  return hexes;
}

function corners(x: number, y: number, r: number): string {
  return Array.from({ length: 6 }, (_, corner) => {
    const angle = (Math.PI / 3) * corner - Math.PI / 2;
    return `${(x + r * Math.cos(angle)).toFixed(1)},${(y + r * Math.sin(angle)).toFixed(1)}`;
  }).join(" ");
}
