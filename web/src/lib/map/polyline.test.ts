import { expect, it } from "vitest";
import { decodePolyline } from "./polyline";

it("decodes the format's own example", () => {
  expect(decodePolyline("_p~iF~ps|U_ulLnnqC_mqNvxq`@")).toEqual([
    [-120.2, 38.5],
    [-120.95, 40.7],
    [-126.453, 43.252],
  ]);
});

it("makes nothing of nothing", () => {
  expect(decodePolyline("")).toEqual([]);
});
