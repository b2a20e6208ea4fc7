/** How long to wait before try number `attempt` (0, 1, 2 …), with full jitter: uniform in [0, min(cap, base·2ⁿ)). */
export const BASE_MS = 500;
export const CAP_MS = 20_000; // a town's worth of consoles comes back within this after a restart

export function backoffMs(attempt: number, chance: number, floorMs = 0): number {
  const ceiling = Math.min(CAP_MS, BASE_MS * 2 ** Math.min(attempt, 16));
  return Math.round(Math.max(floorMs, ceiling * chance));
}
