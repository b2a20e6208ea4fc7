/** What a pending offer says before the answer: net pay, net per hour, how far; places coarse until accepted. */
import type { Money } from "$lib/api/http";

export interface Duty {
  on: boolean;
  market?: string | null;
}

/** `GET /v1/me/provider`: what one offers. A PUT replaces it whole. */
export interface Profile {
  services: string[];
  vehicle: object | null;
  languages: string[];
  max_travel_s: number | null;
  max_pickup_m: number | null;
}

/** The profile to send for other services: whatever else was said of oneself is said again. */
export function offering(services: string[], known: Profile | null): Partial<Profile> {
  if (!known) return { services };
  const { vehicle, languages, max_travel_s, max_pickup_m } = known;
  return { services, vehicle, languages, max_travel_s, max_pickup_m };
}

export interface Spot {
  cell?: string | null;
  label?: string | null;
  lat?: number | null;
  lon?: number | null;
}

export interface Offer {
  id: string;
  request_id: string;
  service: string;
  state: string;
  answer_by: string;
  terms: {
    price?: Money | null;
    fee?: Money | null;
    net?: Money | null;
    net_per_hour?: Money | null;
    approach_m?: number | null;
    approach_s?: number | null;
    free_in_s?: number | null;
    distance_m?: number | null;
    duration_s?: number | null;
    pickup?: Spot | null;
    drop?: Spot | null;
  };
}

/** A place in a few signs: its label, else its cell, else its coordinates. */
export function spotName(spot: Spot | null | undefined): string | null {
  if (!spot) return null;
  if (spot.label) return spot.label;
  if (spot.cell) return `H3 ${spot.cell.slice(0, 9)}…`;
  return spot.lat != null && spot.lon != null ? `${spot.lat.toFixed(4)}, ${spot.lon.toFixed(4)}` : null;
}
