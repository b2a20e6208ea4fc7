/** What the map channel sends: things with an id and a kind, and the counters of the whole market. */

export const PROVIDER_STATES = ["idle", "offered", "approach", "busy", "stale"] as const;
export const REQUEST_STATES = ["open", "matched"] as const;
export const TRADES = ["ride", "parcel", "job"] as const;
export type ProviderState = (typeof PROVIDER_STATES)[number];
export type RequestState = (typeof REQUEST_STATES)[number];
export type Trade = (typeof TRADES)[number];

export interface Provider {
  kind: "provider";
  id: string;
  lat: number;
  lon: number;
  heading: number | null;
  state: ProviderState;
  trade: Trade;
  /** seconds since the fix */
  age_s: number;
  name: string;
}

export interface Request {
  kind: "request";
  id: string;
  lat: number;
  lon: number;
  state: RequestState;
  service: string;
  age_s: number;
}

export interface Engagement {
  kind: "engagement";
  id: string;
  state: string;
  service: string;
  provider_id: string;
  request_id: string;
  /** encoded polyline, precision 5; empty for work that stays in place */
  route: string;
  leg: "approach" | "trip";
  eta_s: number | null;
}

export interface Cell {
  kind: "cell";
  id: string;
  cell: string;
  demand: number;
  supply: number;
}

export type Item = Provider | Request | Engagement | Cell;

export interface Counters {
  providers?: Partial<Record<ProviderState | "off", number>>;
  requests?: Partial<Record<RequestState, number>>;
  engagements?: { running?: number };
  completed_today?: { rides?: number; jobs?: number };
  median_wait_s?: number | null;
}

/** "p:0198…" → "0198…": the id as the HTTP API knows it. */
export function bare(id: string): string {
  return id.replace(/^[a-z]:/, "");
}

/** The map id of a bare or prefixed id. */
export function mapId(kind: "p" | "r" | "e", id: string): string {
  return `${kind}:${bare(id)}`;
}
