/** The town as last heard: `apply(old snapshot, frame)` is the new snapshot, and the old one is left as it was. */
import {
  bare,
  type Cell,
  type Counters,
  type Engagement,
  type Item,
  type Provider,
  type Request,
} from "./items";

export interface Town {
  items: ReadonlyMap<string, Item>;
  counters: Counters;
  /** when each item was last told, ms since the epoch: its age goes on from there */
  heard: ReadonlyMap<string, number>;
  /** false until the first full frame */
  known: boolean;
}

export interface MapFrame {
  full?: boolean;
  upsert?: readonly Item[];
  remove?: readonly string[];
  counters?: Counters;
}

export const NOWHERE: Town = { items: new Map(), counters: {}, heard: new Map(), known: false };

/** A frame that tells of no item leaves `items` the very same, so that nothing is drawn again for it. */
export function apply(town: Town, frame: MapFrame, now: number): Town {
  const counters = frame.counters ?? town.counters;
  if (!frame.full && !frame.remove?.length && !frame.upsert?.length) return { ...town, counters };
  const items = new Map(frame.full ? [] : town.items);
  const heard = new Map(frame.full ? [] : town.heard);
  for (const id of frame.remove ?? []) {
    items.delete(id);
    heard.delete(id);
  }
  for (const item of frame.upsert ?? []) {
    items.set(item.id, item);
    heard.set(item.id, now);
  }
  const known = town.known || frame.full === true;
  return { items, counters, heard, known };
}

/** An item's age at `now` in seconds: what the server said, and the time since it said so. */
export function ageOf(town: Town, item: { id: string; age_s: number }, now: number): number {
  return item.age_s + Math.max(0, now - (town.heard.get(item.id) ?? now)) / 1000;
}

export interface Sorted {
  providers: Provider[];
  requests: Request[];
  engagements: Engagement[];
  cells: Cell[];
}

/** The snapshot by kind; requests longest waiting first, engagements nearest to their end first. */
export function sort(town: Pick<Town, "items">): Sorted {
  const sorted: Sorted = { providers: [], requests: [], engagements: [], cells: [] };
  for (const item of town.items.values()) {
    if (item.kind === "provider") sorted.providers.push(item);
    else if (item.kind === "request") sorted.requests.push(item);
    else if (item.kind === "engagement") sorted.engagements.push(item);
    else if (item.kind === "cell") sorted.cells.push(item);
  }
  sorted.requests.sort((a, b) => b.age_s - a.age_s || a.id.localeCompare(b.id));
  sorted.engagements.sort((a, b) => (a.eta_s ?? 1e9) - (b.eta_s ?? 1e9) || a.id.localeCompare(b.id));
  return sorted;
}

/** What the person wants to see. */
export interface Filter {
  hidden: ReadonlySet<string>;
  service: string | null;
  text: string;
}

export const EVERYTHING: Filter = { hidden: new Set(), service: null, text: "" };

/** As people type it: without case and accents. */
function plain(text: string): string {
  return text.normalize("NFD").replace(/\p{M}/gu, "").toLowerCase();
}

/**
 * The part of the town a filter lets through; `named` gives a service the name it is shown under. Cells are aggregates and stay.
 * A provider passes a service's filter by the work in hand, else by a trade the service's name contains.
 */
export function sieve(
  sorted: Sorted,
  { hidden, service, text }: Filter,
  named: (slug: string) => string = (slug) => slug,
): Sorted {
  const wanted = plain(text.trim());
  const names = new Map(sorted.providers.map((provider) => [provider.id, provider.name]));
  const work = new Map(
    sorted.engagements.map((engagement) => [`p:${bare(engagement.provider_id)}`, engagement]),
  );
  const reads = (...fields: string[]) => !wanted || fields.some((field) => plain(field).includes(wanted));
  return {
    providers: sorted.providers.filter((provider) => {
      const doing = work.get(provider.id)?.service;
      const inService = !service || (doing ? doing === service : service.includes(provider.trade));
      return (
        !hidden.has(provider.state) &&
        inService &&
        reads(provider.name, provider.id, doing ?? "", doing ? named(doing) : "")
      );
    }),
    requests: sorted.requests.filter(
      (request) =>
        !hidden.has(request.state) &&
        (!service || request.service === service) &&
        reads(request.service, named(request.service), request.id),
    ),
    engagements: sorted.engagements.filter(
      (engagement) =>
        !hidden.has("routes") &&
        (!service || engagement.service === service) &&
        reads(
          engagement.service,
          named(engagement.service),
          engagement.id,
          names.get(`p:${bare(engagement.provider_id)}`) ?? "",
        ),
    ),
    cells: hidden.has("heat") ? [] : sorted.cells,
  };
}
