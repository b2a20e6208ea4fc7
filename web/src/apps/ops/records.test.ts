import { describe, expect, it } from "vitest";
import { type Happened, once } from "./records";

const event = (at: string, type: string): Happened => ({ at, kind: "event", type });
const deed = (at: string, verb: string): Happened => ({ at, kind: "action", verb, role: "provider" });

describe("a timeline", () => {
  it("says once what was done and what came of it", () => {
    const both = [
      event("1", "engagement.confirmed"),
      deed("1", "accept"),
      event("2", "engagement.en_route"),
      deed("2", "set_off"),
    ];
    expect(once(both).map((one) => one.verb)).toEqual(["accept", "set_off"]);
  });

  it("keeps an event that no deed of that moment made", () => {
    const apart = [event("1", "engagement.en_route"), deed("2", "set_off"), event("2", "request.matched")];
    expect(once(apart)).toEqual(apart);
  });
});
