/** What the HTTP API answers about one request or engagement, as far as this console reads it. */
import type { Money } from "$lib/api/http";

export interface RequestRecord {
  id: string;
  state: string;
  service?: string;
  created_at?: string;
  price?: Money | null;
  stops?: { kind: string; lat?: number; lon?: number; label?: string | null; note?: string | null }[];
}

export interface Candidate {
  provider_id: string;
  name?: string | null;
  outcome: "offered" | "passed";
  reason?: string | null;
  /** the reason in the reader's language */
  words?: string | null;
  rank?: number | null;
  eta_s?: number | null;
  meters?: number | null;
  terms?: Record<string, number> | null;
}

export interface Round {
  id: string;
  at: string;
  policy_version?: string | number | null;
  seed?: number | string | null;
  objective?: number | null;
  travel_source?: string | null;
  candidates: Candidate[];
  unserved?: string | null;
}

export interface Happened {
  at: string;
  kind?: string;
  type?: string;
  verb?: string;
  /** whose deed it was */
  role?: string;
  text?: string;
}

/** What a deed makes happen at the same instant: it is said once, as the deed of whoever did it. */
const ECHO: Record<string, string> = {
  accept: "confirmed",
  award: "confirmed",
  assign: "confirmed",
  promote: "promoted",
  set_off: "en_route",
  arrive: "arrived",
  start: "started",
  finish: "completed",
  cancel: "cancelled",
  dispute: "disputed",
};

/** A timeline without the events that only repeat a deed. */
export function once(timeline: readonly Happened[]): Happened[] {
  const deeds = new Set(timeline.flatMap(({ at, verb }) => (verb ? [`${at} ${ECHO[verb]}`] : [])));
  return timeline.filter((one) => one.verb || !deeds.has(`${one.at} ${happened(one)}`));
}

/** The event's own name without its noun: "engagement.arrived" → "arrived". */
export function happened(event: Happened): string {
  const name = event.type ?? event.verb ?? event.kind ?? "";
  return name.slice(name.indexOf(".") + 1);
}

/** The candidates' terms share one scale, so that bars compare across rows. Zero when there are none. */
export function widest(candidates: readonly Candidate[]): number {
  return Math.max(0, ...candidates.flatMap((one) => Object.values(one.terms ?? {}).map(Math.abs)));
}

/** Best rank first, those without a rank last, in the order given. */
export function ranked(candidates: readonly Candidate[]): Candidate[] {
  return [...candidates].sort((a, b) => (a.rank ?? 1e9) - (b.rank ?? 1e9));
}

export function total(candidate: Candidate): number {
  return Object.values(candidate.terms ?? {}).reduce((sum, term) => sum + term, 0);
}
