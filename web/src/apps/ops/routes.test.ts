import { latLngToCell } from "h3-js";
import { describe, expect, it } from "vitest";
import { heatFeatures, stepOf } from "./heat";
import type { Engagement } from "./items";
import { type Candidate, ranked, total, widest } from "./records";
import { ahead, touches } from "./routes";

describe("the way ahead", () => {
  const path: [number, number][] = [
    [7.4, 43.7],
    [7.41, 43.7],
    [7.41, 43.71],
  ];

  it("starts where the provider is", () => {
    expect(ahead(path, [7.405, 43.7])).toEqual([
      [7.405, 43.7],
      [7.41, 43.7],
      [7.41, 43.71],
    ]);
  });

  it("is the whole way for one who is nowhere near it, or unknown", () => {
    expect(ahead(path, [7.5, 43.8])).toEqual(path);
    expect(ahead(path, null)).toEqual(path);
  });
});

it("a selection touches an engagement by itself, its provider or its request", () => {
  const engagement = { id: "e:1", provider_id: "2", request_id: "r:3" } as Engagement;
  const found = ["e:1", "p:2", "r:3", "p:1", null].map((id) => touches(engagement, id));
  expect(found).toEqual([true, true, true, false, false]);
});

describe("demand", () => {
  it("falls in five steps against the busiest cell", () => {
    expect([0, 1, 25, 64, 100].map((demand) => stepOf(demand, 100))).toEqual([0, 0, 2, 4, 4]);
  });

  it("draws a closed hexagon for every cell that is asked for something", () => {
    const cell = latLngToCell(43.7396, 7.4272, 9);
    const { features } = heatFeatures([
      { kind: "cell", id: `c:${cell}`, cell, demand: 3, supply: 0 },
      { kind: "cell", id: "c:none", cell, demand: 0, supply: 4 },
    ]);
    const ring = features[0]?.geometry.coordinates[0] ?? [];
    expect([features.length, ring.length]).toEqual([1, 7]);
    expect(ring[0]).toEqual(ring[6]);
  });
});

describe("a round's candidates", () => {
  const some: Candidate[] = [
    { provider_id: "c", outcome: "passed", reason: "too_far" },
    { provider_id: "b", outcome: "passed", rank: 2, terms: { approach: 200, fairness: -20 } },
    { provider_id: "a", outcome: "offered", rank: 1, terms: { approach: 120, fairness: -30 } },
  ];

  it("are read best first, those without a rank last", () => {
    expect(ranked(some).map((one) => one.provider_id)).toEqual(["a", "b", "c"]);
  });

  it("share one scale, and their terms add up", () => {
    expect(widest(some)).toBe(200);
    expect(total(some[2] as Candidate)).toBe(90);
  });
});
