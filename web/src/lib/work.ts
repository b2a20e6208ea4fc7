/** Agreed work as a page shows it: what it waits for, what is done next. Pure. */
import type { Money } from "./api/http";
import type { Key } from "./i18n/en";

export interface Party {
  name: string;
}

/** `GET /v1/me/engagements`, as far as the first pages read it. */
export interface Engagement {
  id: string;
  request_id: string;
  role: string;
  state: string;
  service: string;
  customer: Party;
  provider: Party;
  stops: { kind: string; label: string; address?: string | null }[];
  /** there while the provider finishes another trip first; `engagement_id` is the provider's to know */
  after: { engagement_id: string | null; free_at: string; pickup_at: string } | null;
  times: { confirmed_at: string; promoted_at: string | null };
  completion: { pin: boolean };
  /** the customer's alone, until the start */
  pin?: string | null;
  net?: Money | null;
}

/** Words to look up; `at` is a moment to put into them. */
export interface Line {
  key: Key;
  at?: string;
}

const LATE_MS = 60_000; // past the announced end of the trip before, an announced time would be an empty promise
const STEPS: Readonly<Record<string, string>> = {
  confirmed: "set_off",
  en_route: "arrive",
  arrived: "start",
  in_progress: "finish",
};

/** The provider's next verb; null once the work is over. */
export function nextVerb(work: Engagement): string | null {
  return STEPS[work.state] ?? null;
}

/** Where agreed work stands, for its customer; null where the request's own state says it all. */
export function customerLine(work: Engagement, now: number): Line | null {
  if (!nextVerb(work)) return null;
  if (work.after) return waitLine(work.after, now, "customer.waits", "customer.waitsLonger");
  if (work.state === "confirmed" && work.times.promoted_at) return { key: "customer.promoted" };
  return { key: `share.state.${work.state}` as Key };
}

/** Why its provider cannot set off yet; null when they can. */
export function notYet(work: Engagement, now: number): Line | null {
  return work.after && waitLine(work.after, now, "provider.waits", "provider.waitsLonger");
}

/** The work in hand, then what waits for its end, then what was agreed for later, each lot by its age. */
export function inTurn(works: readonly Engagement[]): Engagement[] {
  const rank = (work: Engagement) => (work.after ? 1 : work.state === "confirmed" ? 2 : 0);
  return works.toSorted(
    (a, b) => rank(a) - rank(b) || Date.parse(a.times.confirmed_at) - Date.parse(b.times.confirmed_at),
  );
}

/** Whole minutes, at least one: nobody plans by the second around somebody else's trip. */
export function aboutMinutes(seconds: number): number {
  return Math.max(1, Math.round(seconds / 60));
}

function waitLine(after: NonNullable<Engagement["after"]>, now: number, inTime: Key, late: Key): Line {
  return now > Date.parse(after.free_at) + LATE_MS ? { key: late } : { key: inTime, at: after.pickup_at };
}
