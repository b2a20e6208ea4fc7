/** What the holder of a share link sees, from one answer of the server to the next. Pure. */
import { Problem } from "$lib/api/http";

export interface Vehicle {
  make?: string | null;
  model?: string | null;
  color?: string | null;
  plate?: string | null;
}

/** `GET /v1/shared/{token}`: the place is good to about ten metres, and absent until the provider sets off. */
export interface Followed {
  state: string;
  service: string;
  provider: { name: string; vehicle: Vehicle | null };
  position: { lat: number; lon: number; age_s: number } | null;
  eta_s: number | null;
  at: string;
}

export interface Following {
  phase: "loading" | "live" | "offline" | "over";
  /** the newest answer; kept when the line is lost and when the trip has ended */
  trip: Followed | null;
  /** ms since the epoch of that answer */
  heardAt: number | null;
}

export const BEGINNING: Following = { phase: "loading", trip: null, heardAt: null };

export const AGAIN_MS = 4000; // the server hears of a moving provider about this often
const AFTER_TROUBLE_MS = 8000;

export function heard(trip: Followed, now: number): Following {
  return { phase: "live", trip, heardAt: now };
}

/** The server's "not there" is the end, whether the trip is over or never was; anything else passes. */
export function failed(before: Following, cause: unknown): Following {
  const gone = cause instanceof Problem && (cause.status === 404 || cause.status === 422);
  return { ...before, phase: gone ? "over" : "offline" };
}

/** When to ask again; null once it is over. */
export function askAgainMs(after: Following, cause: unknown): number | null {
  if (after.phase === "over") return null;
  if (after.phase === "live") return AGAIN_MS;
  const told = cause instanceof Problem ? cause.retryAfterS : null;
  return told === null ? AFTER_TROUBLE_MS : Math.max(told * 1000, AFTER_TROUBLE_MS);
}

/** "Tesla Model 3, blue" and the plate on its own: that is what one looks for in a street. */
export function vehicleWords(vehicle: Vehicle | null): { looks: string; plate: string | null } | null {
  if (!vehicle) return null;
  const name = [vehicle.make, vehicle.model].filter(Boolean).join(" ");
  const looks = [name, vehicle.color].filter(Boolean).join(", ");
  return looks || vehicle.plate ? { looks, plate: vehicle.plate ?? null } : null;
}

/** The token of an address like `/t/abc…`; null where there is none. */
export function tokenOf(path: string): string | null {
  return /^\/t\/([A-Za-z0-9_-]{1,100})\/?$/.exec(path)?.[1] ?? null;
}

interface Centered {
  slug: string;
  center: { lat: number; lon: number };
}

/** The market whose middle is nearest: the answer names none, and each has a map of its own. */
export function nearestMarket(markets: readonly Centered[], at: { lat: number; lon: number }): string | null {
  const far = ({ center }: Centered) =>
    Math.hypot(center.lat - at.lat, (center.lon - at.lon) * Math.cos((at.lat * Math.PI) / 180));
  return [...markets].sort((a, b) => far(a) - far(b))[0]?.slug ?? null;
}
