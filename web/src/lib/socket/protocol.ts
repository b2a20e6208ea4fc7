/**
 * The coudmain.v1 socket without a socket: frames and happenings in, frames and news out.
 *
 * `step(state, happening)` is pure. It promises: every event is told once and in order of its `seq`;
 * after a reconnection the hello carries the last `seq` and `epoch`; every wanted channel is subscribed
 * again; a channel whose `n` jumps is subscribed afresh and tells nothing until its full frame.
 */

export const SUBPROTOCOL = "coudmain.v1";

export type BBox = [west: number, south: number, east: number, north: number];

/** What a channel is asked with; only map channels carry a view. */
export interface View {
  bbox: BBox;
  zoom: number;
}

export interface Channel {
  view: View | null;
  /** number of the last frame told; null while a full frame is awaited */
  n: number | null;
}

export type Phase = "offline" | "connecting" | "greeting" | "live" | "stopped";

export interface SocketState {
  phase: Phase;
  attempt: number;
  seq: number | null;
  epoch: string | null;
  channels: Readonly<Record<string, Channel>>;
  /** the close that stopped us for good */
  stop: { code: number; reason: string } | null;
}

export const START: SocketState = {
  phase: "offline",
  attempt: 0,
  seq: null,
  epoch: null,
  channels: {},
  stop: null,
};

// biome-ignore lint/suspicious/noExplicitAny: frames come from outside; each field is checked where it is used
export type Frame = { t: string; [field: string]: any };

export type Happening =
  | { type: "open"; ticket: string }
  | { type: "frame"; frame: Frame }
  | { type: "closed"; code: number; reason: string }
  | { type: "subscribe"; channel: string; view: View | null }
  | { type: "unsubscribe"; channel: string };

export type News =
  | { type: "phase"; phase: Phase }
  | { type: "event"; event: Frame }
  | { type: "reset"; snapshot: unknown }
  | { type: "channel"; channel: string; frame: Frame }
  /** the server will not let this account listen there; the connection stays */
  | { type: "refused"; channel: string; code: string };

export interface Step {
  state: SocketState;
  send: Frame[];
  news: News[];
  /** reconnect after backing off, not sooner than `floorMs` */
  retry: { floorMs: number } | null;
}

/** Close codes 4500–4999 mean stop; anything else (4000–4499, 1006 …) means come back. */
export function isFinal(code: number): boolean {
  return code >= 4500 && code < 5000;
}

/** A frame as it came; null where it is none: a proxy's page, half a message. Such is ignored, as unknown types are. */
export function readFrame(data: unknown): Frame | null {
  try {
    const read: unknown = JSON.parse(String(data));
    return typeof read === "object" && read !== null && "t" in read && typeof read.t === "string"
      ? (read as Frame)
      : null;
  } catch {
    return null;
  }
}

export function step(state: SocketState, happening: Happening): Step {
  switch (happening.type) {
    case "open":
      return opened(state, happening.ticket);
    case "frame":
      return received(state, happening.frame);
    case "closed":
      return closed(state, happening.code, happening.reason);
    case "subscribe": {
      const channels = { ...state.channels, [happening.channel]: { view: happening.view, n: null } };
      const next = { ...state, channels };
      const send = state.phase === "live" ? [subscription(happening.channel, happening.view)] : [];
      return { ...quiet(next), send };
    }
    case "unsubscribe": {
      const { [happening.channel]: _gone, ...channels } = state.channels;
      const send = state.phase === "live" ? [{ t: "unsubscribe", channel: happening.channel }] : [];
      return { ...quiet({ ...state, channels }), send };
    }
  }
}

function quiet(state: SocketState): Step {
  return { state, send: [], news: [], retry: null };
}

function subscription(channel: string, view: View | null): Frame {
  return { t: "subscribe", channel, ...(view ?? {}) };
}

function opened(state: SocketState, ticket: string): Step {
  const hello: Frame = { t: "hello", ticket };
  if (state.seq !== null) hello.after = state.seq;
  if (state.epoch !== null) hello.epoch = state.epoch;
  const next: SocketState = { ...state, phase: "greeting" };
  return { state: next, send: [hello], news: [{ type: "phase", phase: "greeting" }], retry: null };
}

function received(state: SocketState, frame: Frame): Step {
  switch (frame.t) {
    case "welcome":
      return welcomed(state, frame, []);
    case "reset":
      return welcomed({ ...state, seq: frame.seq ?? null }, frame, [
        { type: "reset", snapshot: frame.snapshot ?? null },
      ]);
    case "event": {
      if (typeof frame.seq !== "number" || (state.seq !== null && frame.seq <= state.seq))
        return quiet(state);
      return { ...quiet({ ...state, seq: frame.seq }), news: [{ type: "event", event: frame }] };
    }
    case "map":
      return mapped(state, frame);
    case "track":
      return {
        ...quiet(state),
        news: [{ type: "channel", channel: `engagement:${frame.engagement_id}`, frame }],
      };
    case "error":
      return refused(state, frame);
    default:
      return quiet(state); // unknown types are ignored, so that both sides may add
  }
}

function welcomed(state: SocketState, frame: Frame, news: News[]): Step {
  const channels = Object.fromEntries(
    Object.entries(state.channels).map(([name, channel]) => [name, { ...channel, n: null }]),
  );
  const next: SocketState = {
    ...state,
    phase: "live",
    attempt: 0,
    // A welcome is followed by the events after our own number; only a first hello starts at the server's.
    seq: state.seq ?? (typeof frame.seq === "number" ? frame.seq : null),
    epoch: typeof frame.epoch === "string" ? frame.epoch : state.epoch,
    channels,
  };
  return {
    state: next,
    send: Object.entries(channels).map(([name, channel]) => subscription(name, channel.view)),
    news: [...news, { type: "phase", phase: "live" }],
    retry: null,
  };
}

function mapped(state: SocketState, frame: Frame): Step {
  const channel = state.channels[frame.channel];
  if (!channel || typeof frame.n !== "number") return quiet(state);
  const told: Step = {
    ...quiet({ ...state, channels: { ...state.channels, [frame.channel]: { ...channel, n: frame.n } } }),
    news: [{ type: "channel", channel: frame.channel, frame }],
  };
  if (frame.full === true) return told;
  if (channel.n === null || frame.n <= channel.n) return quiet(state);
  if (frame.n === channel.n + 1) return told;
  const afresh = { ...state, channels: { ...state.channels, [frame.channel]: { ...channel, n: null } } };
  return { ...quiet(afresh), send: [subscription(frame.channel, channel.view)] };
}

function refused(state: SocketState, frame: Frame): Step {
  if (frame.of !== "subscribe" || typeof frame.channel !== "string" || !state.channels[frame.channel]) {
    return quiet(state);
  }
  const { [frame.channel]: _refused, ...channels } = state.channels;
  const news: News = { type: "refused", channel: frame.channel, code: String(frame.problem?.code ?? "") };
  return { ...quiet({ ...state, channels }), news: [news] };
}

function closed(state: SocketState, code: number, reason: string): Step {
  if (state.phase === "stopped") return quiet(state);
  if (isFinal(code)) {
    const stopped: SocketState = { ...state, phase: "stopped", stop: { code, reason } };
    return { ...quiet(stopped), news: [{ type: "phase", phase: "stopped" }] };
  }
  const next: SocketState = { ...state, phase: "offline", attempt: state.attempt + 1 };
  const floorMs = code === 4000 ? Number(/retry_ms\D+(\d+)/.exec(reason)?.[1] ?? 0) : 0;
  return { state: next, send: [], news: [{ type: "phase", phase: "offline" }], retry: { floorMs } };
}
