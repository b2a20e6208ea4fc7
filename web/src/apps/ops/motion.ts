/** Smooth motion between fixes that come about once a second: each marker glides from where it is shown to the newest fix. */
import type { Provider } from "./items";

interface Glide {
  fromLon: number;
  fromLat: number;
  toLon: number;
  toLat: number;
  /** ms, on the clock the caller passes in */
  start: number;
  end: number;
  heardAt: number;
}

const USUAL_MS = 1000; // the map channel's beat
const LONGEST_MS = 2500; // a late frame must not make a marker crawl
const JUMP_DEG = 0.006; // ≈ 600 m between two fixes is not driving: show it at once

export class Motion {
  #glides = new Map<string, Glide>();

  /** `still` places markers on their fix at once. */
  constructor(private readonly still: boolean) {}

  /** Takes the newest fixes; whoever is not among them is forgotten. */
  hear(providers: readonly Provider[], now: number): void {
    const next = new Map<string, Glide>();
    for (const { id, lon, lat } of providers) {
      const old = this.#glides.get(id);
      if (!old || this.still) {
        next.set(id, {
          fromLon: lon,
          fromLat: lat,
          toLon: lon,
          toLat: lat,
          start: now,
          end: now,
          heardAt: now,
        });
      } else if (old.toLon === lon && old.toLat === lat) {
        next.set(id, old);
      } else {
        const [fromLon, fromLat] = at(old, now);
        const far = Math.abs(lon - fromLon) > JUMP_DEG || Math.abs(lat - fromLat) > JUMP_DEG;
        const beat = Math.min(LONGEST_MS, Math.max(USUAL_MS * 0.5, now - old.heardAt));
        const lasts = far ? 0 : Number.isFinite(beat) ? beat : USUAL_MS;
        next.set(id, {
          fromLon,
          fromLat,
          toLon: lon,
          toLat: lat,
          start: now,
          end: now + lasts,
          heardAt: now,
        });
      }
    }
    this.#glides = next;
  }

  /** Where a marker is shown at `now`, as [lon, lat]. */
  place(id: string, now: number): [number, number] | null {
    const glide = this.#glides.get(id);
    return glide ? at(glide, now) : null;
  }

  /** Whether anything is still gliding at `now`. */
  moving(now: number): boolean {
    for (const glide of this.#glides.values()) if (glide.end > now) return true;
    return false;
  }
}

function at(glide: Glide, now: number): [number, number] {
  if (now >= glide.end || glide.end === glide.start) return [glide.toLon, glide.toLat];
  // A frame's own time may lie a little before the fix it already shows.
  const part = Math.max(0, (now - glide.start) / (glide.end - glide.start));
  return [
    glide.fromLon + (glide.toLon - glide.fromLon) * part,
    glide.fromLat + (glide.toLat - glide.fromLat) * part,
  ];
}
