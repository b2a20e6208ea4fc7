/** The few numbers the landing page shows of a market, those the server tells and no others. */

export interface Market {
  id?: string;
  slug?: string;
  name?: string;
  /** live numbers, where the server tells them */
  now?: Partial<Record<Told, number>>;
}

const TOLD = ["on_duty", "open_requests", "running", "completed_today"] as const;
type Told = (typeof TOLD)[number];

export interface Figure {
  name: Told | "services";
  value: number;
}

export function figures(market: Market, services: number | null): Figure[] {
  const told: Figure[] = TOLD.flatMap((name) => {
    const value = market.now?.[name];
    return typeof value === "number" ? [{ name, value }] : [];
  });
  return services === null ? told : [...told, { name: "services", value: services }];
}
