import { describe, expect, it } from "vitest";
import type { Item, Provider } from "./items";
import { ageOf, apply, EVERYTHING, NOWHERE, sieve, sort } from "./town";

const provider = (n: number, fields: Partial<Provider> = {}): Provider => ({
  kind: "provider",
  id: `p:${n}`,
  lat: 43.7,
  lon: 7.4,
  heading: null,
  state: "idle",
  trade: "ride",
  age_s: 1,
  name: `Driver ${n}`,
  ...fields,
});
const request = (n: number, service: string, age_s = 10): Item => ({
  kind: "request",
  id: `r:${n}`,
  lat: 43.7,
  lon: 7.4,
  state: "open",
  service,
  age_s,
});
const engagement = (n: number, providerN: number, service: string): Item => ({
  kind: "engagement",
  id: `e:${n}`,
  state: "en_route",
  service,
  provider_id: String(providerN),
  request_id: String(n),
  route: "",
  leg: "approach",
  eta_s: 60,
});

/** Numbers from 0 to 1, the same ones every time (Park and Miller's generator). */
function dice(seed: number) {
  let at = seed;
  return () => {
    at = (at * 48271) % 2147483647;
    return at / 2147483647;
  };
}

describe("the town's snapshot", () => {
  it("old and deltas make the new one, whatever happens in between", () => {
    const roll = dice(11);
    let truth = new Map<string, Item>(Array.from({ length: 30 }, (_, n) => [`p:${n}`, provider(n)]));
    let town = apply(NOWHERE, { full: true, upsert: [...truth.values()] }, 0);
    for (let beat = 1; beat <= 200; beat++) {
      const next = new Map(truth);
      for (let n = 0; n < 40; n++) {
        const chance = roll();
        if (chance < 0.1) next.delete(`p:${n}`);
        else if (chance < 0.4) next.set(`p:${n}`, provider(n, { lat: 43.7 + roll() / 100 }));
      }
      const upsert = [...next].filter(([id, item]) => truth.get(id) !== item).map(([, item]) => item);
      const remove = [...truth.keys()].filter((id) => !next.has(id));
      town = apply(town, { upsert, remove }, beat);
      truth = next;
      expect(new Map([...town.items].sort())).toEqual(new Map([...truth].sort()));
    }
  });

  it("leaves the old snapshot as it was", () => {
    const old = apply(NOWHERE, { full: true, upsert: [provider(1)] }, 0);
    apply(old, { upsert: [provider(2)], remove: ["p:1"] }, 1);
    expect([...old.items.keys()]).toEqual(["p:1"]);
  });

  it("starts over at a full frame", () => {
    const old = apply(NOWHERE, { full: true, upsert: [provider(1)] }, 0);
    expect([...apply(old, { full: true, upsert: [provider(2)] }, 1).items.keys()]).toEqual(["p:2"]);
  });

  it("keeps the counters of the last frame that told them", () => {
    const old = apply(NOWHERE, { full: true, counters: { median_wait_s: 90 } }, 0);
    expect(apply(old, { counters: { median_wait_s: 80 } }, 1).items).toBe(old.items); // so nothing is drawn again
    expect(apply(old, { upsert: [] }, 1).counters.median_wait_s).toBe(90);
  });

  it("lets ages grow between frames", () => {
    const town = apply(NOWHERE, { full: true, upsert: [provider(1, { age_s: 3 })] }, 10_000);
    expect(ageOf(town, provider(1, { age_s: 3 }), 14_000)).toBe(7);
  });
});

describe("what is shown", () => {
  const town = apply(
    NOWHERE,
    {
      full: true,
      upsert: [
        provider(1, { name: "Anaïs" }),
        provider(2, { state: "approach", name: "Driss" }),
        provider(3, { trade: "job", name: "Inès" }),
        request(1, "ride-vtc", 5),
        request(2, "odd-job", 50),
        engagement(7, 2, "ride-vtc"),
      ],
    },
    0,
  );
  const all = sort(town);
  const ids = (items: { id: string }[]) => items.map((item) => item.id);

  it("is everything without a filter, longest waiting first", () => {
    const shown = sieve(all, EVERYTHING);
    expect(ids(shown.requests)).toEqual(["r:2", "r:1"]);
    expect(shown.providers).toHaveLength(3);
  });

  it("leaves out hidden states", () => {
    expect(ids(sieve(all, { ...EVERYTHING, hidden: new Set(["approach"]) }).providers)).toEqual([
      "p:1",
      "p:3",
    ]);
  });

  it("by service keeps its requests, its work and those who could do it", () => {
    const shown = sieve(all, { ...EVERYTHING, service: "odd-job" });
    expect([ids(shown.providers), ids(shown.requests), ids(shown.engagements)]).toEqual([
      ["p:3"],
      ["r:2"],
      [],
    ]);
  });

  it("finds a provider and the work in hand by name", () => {
    const shown = sieve(all, { ...EVERYTHING, text: "driss" });
    expect([ids(shown.providers), ids(shown.engagements)]).toEqual([["p:2"], ["e:7"]]);
  });

  it("finds what is typed without its accents, and a service by the name it is shown under", () => {
    expect(ids(sieve(all, { ...EVERYTHING, text: "anais" }).providers)).toEqual(["p:1"]);
    const named = (slug: string) => ({ "odd-job": "Dépannage" })[slug] ?? slug;
    expect(ids(sieve(all, { ...EVERYTHING, text: "depan" }, named).requests)).toEqual(["r:2"]);
    expect(ids(sieve(all, { ...EVERYTHING, text: "odd-job" }, named).requests)).toEqual(["r:2"]);
  });
});
