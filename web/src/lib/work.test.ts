import { describe, expect, it } from "vitest";
import { en } from "./i18n/en";
import { aboutMinutes, customerLine, type Engagement, inTurn, nextVerb, notYet } from "./work";

const FREE_AT = "2026-11-26T14:32:00Z";
const PICKUP_AT = "2026-11-26T14:36:00Z";
const before = Date.parse(FREE_AT) - 120_000;
const after = { engagement_id: null, free_at: FREE_AT, pickup_at: PICKUP_AT };

function work(changes: Partial<Engagement> = {}): Engagement {
  return {
    id: "e",
    request_id: "r",
    role: "customer",
    state: "confirmed",
    service: "ride-vtc",
    customer: { name: "Sacha" },
    provider: { name: "Karim" },
    stops: [],
    after: null,
    times: { confirmed_at: "2026-11-26T14:29:00Z", promoted_at: null },
    completion: { pin: true },
    ...changes,
  };
}

describe("work that waits for the end of a trip", () => {
  it("tells the customer that, and when the car should be there", () => {
    expect(customerLine(work({ after }), before)).toEqual({ key: "customer.waits", at: PICKUP_AT });
  });

  it("tells the provider why they cannot set off", () => {
    expect(notYet(work({ after }), before)).toEqual({ key: "provider.waits", at: PICKUP_AT });
    expect(notYet(work(), before)).toBeNull();
  });

  it("promises no time any more once the trip before has outlasted its own", () => {
    const minute = Date.parse(FREE_AT) + 60_000;
    expect(customerLine(work({ after }), minute)?.key).toBe("customer.waits");
    expect(customerLine(work({ after }), minute + 1)).toEqual({ key: "customer.waitsLonger" });
    expect(notYet(work({ after }), minute + 1)).toEqual({ key: "provider.waitsLonger" });
  });

  it("is said to be theirs from the promotion on, until the provider sets off", () => {
    const times = { confirmed_at: "2026-11-26T14:29:00Z", promoted_at: FREE_AT };
    expect(customerLine(work({ times }), before)).toEqual({ key: "customer.promoted" });
    expect(customerLine(work({ times, state: "en_route" }), before)?.key).toBe("share.state.en_route");
  });
});

it("has words for every state that has a next step, and none for work that is over", () => {
  for (const state of ["confirmed", "en_route", "arrived", "in_progress"]) {
    const line = customerLine(work({ state }), before);
    expect(line && en[line.key]).toBeTruthy();
    expect(en).toHaveProperty([`provider.do.${nextVerb(work({ state }))}`]);
  }
  for (const state of ["completed", "cancelled", "no_show", "disputed"]) {
    expect(customerLine(work({ state }), before)).toBeNull();
    expect(nextVerb(work({ state }))).toBeNull();
  }
});

it("lists the work in hand, then what waits for it, then later work", () => {
  const at = (confirmed_at: string) => ({ confirmed_at, promoted_at: null });
  const works = [
    work({ id: "next", after, times: at("2026-11-26T14:00:00Z") }),
    work({ id: "later", times: at("2026-11-26T09:00:00Z") }),
    work({ id: "later still", times: at("2026-11-26T10:00:00Z") }),
    work({ id: "in hand", state: "in_progress", times: at("2026-11-26T13:00:00Z") }),
  ];
  expect(inTurn(works.toReversed()).map(({ id }) => id)).toEqual(["in hand", "next", "later", "later still"]);
});

it("counts in whole minutes, never none", () => {
  expect([0, 29, 89, 91, 240].map(aboutMinutes)).toEqual([1, 1, 1, 2, 4]);
});
