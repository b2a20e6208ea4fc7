import { describe, expect, it } from "vitest";
import type { Provider } from "./items";
import { Motion } from "./motion";

const at = (lon: number, id = "p:1") => ({ id, lon, lat: 43.7 }) as Provider;

describe("a marker", () => {
  it("stands on its first fix", () => {
    const motion = new Motion(false);
    motion.hear([at(7.4)], 0);
    expect(motion.place("p:1", 0)).toEqual([7.4, 43.7]);
  });

  it("glides to the next fix over the time between the two", () => {
    const motion = new Motion(false);
    motion.hear([at(7.4)], 0);
    motion.hear([at(7.401)], 1000);
    expect(motion.place("p:1", 1500)?.[0]).toBeCloseTo(7.4005, 9);
    expect(motion.place("p:1", 2000)?.[0]).toBe(7.401);
    expect([motion.moving(1999), motion.moving(2000)]).toEqual([true, false]);
  });

  it("starts from where it is shown when a fix comes early", () => {
    const motion = new Motion(false);
    motion.hear([at(7.4)], 0);
    motion.hear([at(7.401)], 1000);
    motion.hear([at(7.402)], 1500);
    expect(motion.place("p:1", 1500)?.[0]).toBeCloseTo(7.4005, 9);
  });

  it("jumps when the fix is too far to have been driven", () => {
    const motion = new Motion(false);
    motion.hear([at(7.4)], 0);
    motion.hear([at(7.45)], 1000);
    expect(motion.place("p:1", 1000)?.[0]).toBe(7.45);
  });

  it("does not move by itself when it should be still", () => {
    const motion = new Motion(true);
    motion.hear([at(7.4)], 0);
    motion.hear([at(7.401)], 1000);
    expect(motion.place("p:1", 1000)?.[0]).toBe(7.401);
  });

  it("stands where it is known when a frame's clock is a little behind the fix", () => {
    const motion = new Motion(false);
    motion.hear([at(7.4)], 100);
    expect(motion.place("p:1", 90)).toEqual([7.4, 43.7]);
    motion.hear([at(7.401)], 1100);
    expect(motion.place("p:1", 1090)).toEqual([7.4, 43.7]);
  });

  it("that left is forgotten", () => {
    const motion = new Motion(false);
    motion.hear([at(7.4), at(7.41, "p:2")], 0);
    motion.hear([at(7.4)], 1000);
    expect(motion.place("p:2", 1000)).toBeNull();
  });
});
