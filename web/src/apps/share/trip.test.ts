import { describe, expect, it } from "vitest";
import { Problem } from "$lib/api/http";
import {
  askAgainMs,
  BEGINNING,
  type Followed,
  failed,
  heard,
  nearestMarket,
  tokenOf,
  vehicleWords,
} from "./trip";

const trip: Followed = {
  state: "en_route",
  service: "Private hire",
  provider: { name: "Inès", vehicle: null },
  position: { lat: 43.73, lon: 7.42, age_s: 2 },
  eta_s: 240,
  at: "2026-11-23T09:00:00Z",
};
const lost = new Problem(0, "unreachable", "no line");
const gone = new Problem(404, "not_found", "gone");

describe("following a shared trip", () => {
  it("asks again as long as the trip lasts", () => {
    const live = heard(trip, 1000);
    expect(live).toEqual({ phase: "live", trip, heardAt: 1000 });
    expect(askAgainMs(live, null)).toBe(4000);
  });

  it("keeps what it knew when the line is lost, and asks less often", () => {
    const offline = failed(heard(trip, 1000), lost);
    expect(offline).toEqual({ phase: "offline", trip, heardAt: 1000 });
    expect(askAgainMs(offline, lost)).toBe(8000);
    expect(askAgainMs(offline, new Problem(429, "rate_limited", "slow down", 30))).toBe(30_000);
    expect(askAgainMs(offline, new Error("odd"))).toBe(8000);
  });

  it("ends with the trip and asks no more", () => {
    const over = failed(heard(trip, 1000), gone);
    expect(over).toEqual({ phase: "over", trip, heardAt: 1000 });
    expect(askAgainMs(over, gone)).toBeNull();
    expect(failed(BEGINNING, gone).trip).toBeNull();
  });
});

it("says what to look for in the street, as far as it is known", () => {
  expect(vehicleWords(null)).toBeNull();
  expect(vehicleWords({})).toBeNull();
  expect(vehicleWords({ make: "Tesla", model: "Model 3", color: "blue", plate: "AB-123" })).toEqual({
    looks: "Tesla Model 3, blue",
    plate: "AB-123",
  });
  expect(vehicleWords({ plate: "AB-123" })).toEqual({ looks: "", plate: "AB-123" });
});

it("reads the token off the address and nothing else", () => {
  expect(tokenOf("/t/Abc_-9")).toBe("Abc_-9");
  expect(tokenOf("/t/Abc/")).toBe("Abc");
  expect(tokenOf("/t/")).toBeNull();
  expect(tokenOf("/t/a/b")).toBeNull();
  expect(tokenOf("/t/a%20b")).toBeNull();
});

it("draws the map of the nearest market", () => {
  const markets = [
    { slug: "paris", center: { lat: 48.86, lon: 2.35 } },
    { slug: "monaco", center: { lat: 43.738, lon: 7.424 } },
  ];
  expect(nearestMarket(markets, { lat: 43.73, lon: 7.41 })).toBe("monaco");
  expect(nearestMarket([], { lat: 43.73, lon: 7.41 })).toBeNull();
});
