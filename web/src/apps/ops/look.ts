/** The colours of states on the map, the same as the tokens of theme/tokens.css. */
import type { Theme } from "$lib/theme/theme.svelte";
import type { ProviderState } from "./items";

export type Rgb = [red: number, green: number, blue: number];

interface Look {
  provider: Record<ProviderState, string>;
  request: string;
  approach: string;
  trip: string;
  /** how strongly routes glow, 0 to 1 */
  glow: number;
  edge: string;
  label: string;
  /** demand from little to much */
  heat: [string, string, string, string, string];
  heatOpacity: number;
}

export const LOOKS: Record<Theme, Look> = {
  dark: {
    provider: { idle: "#34d399", offered: "#c084fc", approach: "#fbbf24", busy: "#60a5fa", stale: "#8a96b3" },
    request: "#f472b6",
    approach: "#fbbf24",
    trip: "#60a5fa",
    glow: 1,
    edge: "#0a0f1d",
    label: "#e9eefb",
    heat: ["#33205c", "#5a2560", "#8b2c52", "#bd4438", "#e46a2c"],
    heatOpacity: 0.4,
  },
  light: {
    provider: { idle: "#059669", offered: "#9333ea", approach: "#d97706", busy: "#2563eb", stale: "#7c869c" },
    request: "#db2777",
    approach: "#d97706",
    trip: "#2563eb",
    glow: 0.7,
    edge: "#ffffff",
    label: "#18203a",
    heat: ["#f7d9b0", "#f7bd86", "#f29a63", "#e56a4a", "#c93a3a"],
    heatOpacity: 0.42,
  },
};

export function rgb(hex: string): Rgb {
  const value = Number.parseInt(hex.slice(1), 16);
  return [(value >> 16) & 255, (value >> 8) & 255, value & 255];
}
