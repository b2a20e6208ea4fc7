import { describe, expect, it } from "vitest";
import { offering } from "./offers";

describe("other services", () => {
  it("leave whatever else was said of oneself as it was", () => {
    const known = {
      services: ["parcel"],
      vehicle: { plate: "AB-123-CD" },
      languages: ["fr"],
      max_travel_s: 900,
      max_pickup_m: null,
    };
    expect(offering(["ride-vtc"], known)).toEqual({ ...known, services: ["ride-vtc"] });
  });

  it("are all there is to say the first time", () => {
    expect(offering(["ride-vtc"], null)).toEqual({ services: ["ride-vtc"] });
  });
});
