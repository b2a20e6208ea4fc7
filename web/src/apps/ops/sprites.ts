/** The markers, drawn once per theme: shape tells the trade, colour the state, a beak where it heads. */
import type { Theme } from "$lib/theme/theme.svelte";
import { PROVIDER_STATES, type Provider, TRADES, type Trade } from "./items";
import { LOOKS } from "./look";

const SIDE = 96; // px per sprite; shown at about a quarter, so it stays sharp on dense screens

export interface Sprites {
  /** handed over as drawn: an address would be loaded later, and nobody would redraw then */
  atlas: HTMLCanvasElement;
  mapping: Record<string, { x: number; y: number; width: number; height: number; mask: boolean }>;
}

/** A moving provider of known heading gets a beak; the name of its sprite. */
export function spriteOf(provider: Provider): string {
  return `${provider.trade}-${provider.state}${beaked(provider) ? "-beak" : ""}`;
}

export function beaked(provider: Provider): boolean {
  return provider.heading !== null && provider.trade !== "job" && provider.state !== "stale";
}

export function drawSprites(theme: Theme): Sprites {
  const names = TRADES.flatMap((trade) =>
    PROVIDER_STATES.flatMap((state) => [false, true].map((beak) => ({ trade, state, beak }))),
  );
  const columns = 6;
  const canvas = document.createElement("canvas");
  canvas.width = columns * SIDE;
  canvas.height = Math.ceil(names.length / columns) * SIDE;
  const pen = canvas.getContext("2d");
  const mapping: Sprites["mapping"] = {};
  names.forEach(({ trade, state, beak }, index) => {
    const x = (index % columns) * SIDE;
    const y = Math.floor(index / columns) * SIDE;
    if (pen)
      marker(pen, x + SIDE / 2, y + SIDE / 2, {
        trade,
        beak,
        color: LOOKS[theme].provider[state],
        edge: LOOKS[theme].edge,
      });
    mapping[`${trade}-${state}${beak ? "-beak" : ""}`] = { x, y, width: SIDE, height: SIDE, mask: false };
  });
  return { atlas: canvas, mapping };
}

interface Marker {
  trade: Trade;
  beak: boolean;
  color: string;
  edge: string;
}

function marker(
  pen: CanvasRenderingContext2D,
  x: number,
  y: number,
  { trade, beak, color, edge }: Marker,
): void {
  pen.save();
  pen.translate(x, y);
  const glow = pen.createRadialGradient(0, 0, 12, 0, 0, 46);
  glow.addColorStop(0, `${color}66`);
  glow.addColorStop(1, `${color}00`);
  pen.fillStyle = glow;
  pen.fillRect(-48, -48, 96, 96);
  pen.lineJoin = "round";
  pen.lineWidth = 8;
  pen.strokeStyle = edge;
  pen.fillStyle = color;
  const body = new Path2D();
  if (beak) {
    body.moveTo(0, -40);
    body.lineTo(15, -16);
    body.lineTo(-15, -16);
    body.closePath();
    pen.stroke(body);
    pen.fill(body);
  }
  const shape = outlineOf(trade);
  pen.stroke(shape);
  pen.fill(shape);
  pen.restore();
}

/** A disc drives, a square carries, a diamond works with its hands. */
function outlineOf(trade: Trade): Path2D {
  const shape = new Path2D();
  if (trade === "ride") shape.arc(0, 0, 21, 0, Math.PI * 2);
  else if (trade === "parcel") shape.roundRect(-19, -19, 38, 38, 8);
  else {
    shape.moveTo(0, -26);
    shape.lineTo(26, 0);
    shape.lineTo(0, 26);
    shape.lineTo(-26, 0);
    shape.closePath();
  }
  return shape;
}
