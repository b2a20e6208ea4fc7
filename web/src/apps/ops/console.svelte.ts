/** The ops console's state: session, socket, town, filters and selection. Components read it, the socket writes it. */
import { Session } from "$lib/api/session";
import { speech } from "$lib/i18n/speech.svelte";
import { type Service, serviceName } from "$lib/services";
import { LiveSocket } from "$lib/socket/client";
import type { News, Phase, View } from "$lib/socket/protocol";
import {
  apply,
  EVERYTHING,
  type Filter,
  type MapFrame,
  NOWHERE,
  type Sorted,
  sieve,
  sort,
  type Town,
} from "./town";

export const MARKET = new URLSearchParams(location.search).get("market") ?? "monaco";
/** `?test=1`: nothing moves by itself, so that a picture of the page is the same twice. */
export const STILL = new URLSearchParams(location.search).has("test");

const SUSPENDED = 4507;

export class Console {
  readonly session = new Session("ops", localStorage, () => speech.language);

  signedIn = $state(this.session.signedIn);
  phase: Phase = $state("offline");
  forbidden = $state(false);
  /** the sign-in of before has ended by itself */
  ended = $state(false);
  /** ms since the epoch of the last frame; null before the first */
  heardAt: number | null = $state(null);
  /** ms since the epoch, ticking once a second; stands still in tests */
  now: number = $state(Date.now());
  town: Town = $state.raw(NOWHERE);
  filter: Filter = $state.raw(EVERYTHING);
  selected: string | null = $state(/^#([pre]:.+)$/.exec(location.hash)?.[1] ?? null);
  services: Service[] = $state.raw([]);
  marketName: string = $state(MARKET.charAt(0).toUpperCase() + MARKET.slice(1));

  readonly #items = $derived(this.town.items); // the same as long as no item has changed
  readonly sorted: Sorted = $derived(sort({ items: this.#items }));
  readonly shown: Sorted = $derived(
    sieve(this.sorted, this.filter, (slug) => serviceName(this.services, slug)),
  );

  #socket: LiveSocket | null = null;
  readonly #seen = new Set<string>(); // slugs
  #tick: ReturnType<typeof setInterval> | undefined;
  #view: View = { bbox: [-180, -85, 180, 85], zoom: 14 };

  /** Opens the stream; needs a signed-in session. */
  start(): void {
    this.signedIn = true;
    this.forbidden = this.ended = false;
    this.#socket?.close();
    this.#socket = new LiveSocket({
      ticket: async () => {
        try {
          return (await this.session.call<{ ticket: string }>("/v1/ws/tickets", { method: "POST" })).ticket;
        } catch (cause) {
          if (!this.session.signedIn) this.#end();
          throw cause;
        }
      },
      hear: (news) => this.#hear(news),
    });
    this.#socket.subscribe(`map:${MARKET}`, this.#view);
    this.#tick ??= setInterval(() => {
      this.now = STILL ? (this.heardAt ?? this.now) : Date.now();
    }, 1000);
  }

  /** Tells the server what is in view. */
  look(view: View): void {
    if (JSON.stringify(view) === JSON.stringify(this.#view)) return;
    this.#view = view;
    this.#socket?.subscribe(`map:${MARKET}`, view);
  }

  async leave(): Promise<void> {
    this.#out();
    await this.session.leave();
  }

  select(id: string | null): void {
    this.selected = id;
    history.replaceState(null, "", id ? `#${id}` : location.pathname + location.search);
  }

  /** Shows or hides a state of providers or requests, "routes" or "heat". */
  toggle(name: string): void {
    const hidden = new Set(this.filter.hidden);
    if (!hidden.delete(name)) hidden.add(name);
    this.filter = { ...this.filter, hidden };
  }

  #out(): void {
    this.#socket?.close();
    this.#socket = null;
    this.signedIn = false;
    this.phase = "offline";
    this.town = NOWHERE;
    this.heardAt = null;
  }

  /** The family of tokens has ended: ask for a code again. */
  #end(): void {
    this.#out();
    this.ended = true;
  }

  /** This account may not watch the town. */
  #refuse(): void {
    this.forbidden = true;
    this.#out();
    void this.session.leave();
  }

  #hear(news: News): void {
    if (news.type === "phase") {
      this.phase = news.phase;
      if (news.phase === "live") void this.#names();
      if (news.phase === "stopped" && this.#socket?.state.stop?.code === SUSPENDED) this.#refuse();
    } else if (news.type === "refused") {
      if (news.code === "forbidden" || news.code === "not_found") this.#refuse();
    } else if (news.type === "channel" && news.frame.t === "map") {
      this.town = apply(this.town, news.frame as MapFrame, Date.now());
      this.heardAt = Date.now();
      this.#learn(news.frame as MapFrame);
    }
  }

  /** A service may be added while somebody watches: its name is asked for as soon as it is seen, once. */
  #learn(frame: MapFrame): void {
    const seen = (frame.upsert ?? []).flatMap((item) => ("service" in item ? [item.service] : []));
    const strange = seen.filter((slug) => !this.#seen.has(slug));
    for (const slug of strange) this.#seen.add(slug);
    if (strange.some((slug) => !this.services.some((service) => service.slug === slug))) void this.#names();
  }

  async #names(): Promise<void> {
    const [services, markets] = await Promise.allSettled([
      this.session.open<{ items: Service[] }>(`/v1/services?market=${MARKET}`),
      this.session.open<{ items: { id?: string; slug?: string; name?: string }[] }>("/v1/markets"),
    ]);
    if (services.status === "fulfilled") this.services = services.value?.items ?? [];
    if (markets.status === "fulfilled") {
      const mine = markets.value?.items?.find((market) => market.slug === MARKET || market.id === MARKET);
      this.marketName = mine?.name ?? this.marketName;
    }
  }
}

/** The first picture is whole: `window.__ready`, and `<html data-ready>` for tests under a policy that forbids eval. */
export function ready(): void {
  window.__ready = true;
  document.documentElement.dataset.ready = "";
}
