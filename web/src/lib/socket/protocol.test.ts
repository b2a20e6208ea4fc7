import { describe, expect, it } from "vitest";
import { BASE_MS, backoffMs, CAP_MS } from "./backoff";
import {
  type Frame,
  type Happening,
  type News,
  readFrame,
  type SocketState,
  START,
  type Step,
  step,
  type View,
} from "./protocol";

const VIEW: View = { bbox: [7.3, 43.7, 7.5, 43.8], zoom: 14 };

/** Plays happenings one after the other; what was sent and told is gathered. */
function play(happenings: Happening[], from: SocketState = START) {
  let state = from;
  const send: Frame[] = [];
  const news: News[] = [];
  let last: Step | null = null;
  for (const happening of happenings) {
    last = step(state, happening);
    state = last.state;
    send.push(...last.send);
    news.push(...last.news);
  }
  return { state, send, news, retry: last?.retry ?? null };
}

const open: Happening = { type: "open", ticket: "t" };
const welcome: Happening = { type: "frame", frame: { t: "welcome", seq: 5, epoch: "e1" } };
const event = (seq: number): Happening => ({
  type: "frame",
  frame: { t: "event", seq, type: "offer.created" },
});
const map = (n: number, full = false): Happening => ({
  type: "frame",
  frame: { t: "map", channel: "map:monaco", n, full, upsert: [] },
});
const watch: Happening = { type: "subscribe", channel: "map:monaco", view: VIEW };
const told = (news: News[]) => news.filter((item) => item.type === "channel").map((item) => item.frame.n);

describe("the hello", () => {
  it("carries the ticket, and nothing to resume from the first time", () => {
    expect(play([open]).send).toEqual([{ t: "hello", ticket: "t" }]);
  });

  it("resumes after the last event of the same epoch", () => {
    const { send } = play([
      open,
      welcome,
      event(6),
      event(7),
      { type: "closed", code: 1006, reason: "" },
      open,
    ]);
    expect(send.at(-1)).toEqual({ t: "hello", ticket: "t", after: 7, epoch: "e1" });
  });

  it("subscribes every wanted channel once welcomed, also again after a reconnection", () => {
    const first = play([watch, open, welcome]);
    expect(first.send.at(-1)).toEqual({ t: "subscribe", channel: "map:monaco", ...VIEW });
    const again = play([{ type: "closed", code: 4000, reason: "draining" }, open, welcome], first.state);
    expect(again.send.at(-1)).toEqual({ t: "subscribe", channel: "map:monaco", ...VIEW });
  });
});

describe("events", () => {
  it("are told once, also when the server repeats them", () => {
    const { news } = play([open, welcome, event(6), event(6), event(7), event(6)]);
    expect(news.filter((item) => item.type === "event").map((item) => item.event.seq)).toEqual([6, 7]);
  });

  it("after a second welcome go on from our own number, not the server's newest", () => {
    const back: Happening = { type: "frame", frame: { t: "welcome", seq: 9, epoch: "e1" } };
    const { news } = play([
      open,
      welcome,
      { type: "closed", code: 1006, reason: "" },
      open,
      back,
      event(6),
      event(7),
    ]);
    expect(news.filter((item) => item.type === "event").map((item) => item.event.seq)).toEqual([6, 7]);
  });

  it("start over at a reset's number and hand its snapshot on", () => {
    const reset: Happening = {
      type: "frame",
      frame: { t: "reset", seq: 40, epoch: "e2", snapshot: { a: 1 } },
    };
    const { state, news } = play([
      open,
      welcome,
      event(6),
      { type: "closed", code: 1006, reason: "" },
      open,
      reset,
    ]);
    expect([state.seq, state.epoch, state.phase]).toEqual([40, "e2", "live"]);
    expect(news).toContainEqual({ type: "reset", snapshot: { a: 1 } });
  });
});

describe("a map channel", () => {
  it("tells the full frame and the deltas that follow it", () => {
    expect(told(play([watch, open, welcome, map(1, true), map(2), map(3)]).news)).toEqual([1, 2, 3]);
  });

  it("with a gap is subscribed afresh and silent until its full frame", () => {
    const { send, news } = play([watch, open, welcome, map(1, true), map(3), map(4), map(5, true), map(6)]);
    expect(told(news)).toEqual([1, 5, 6]);
    expect(send.filter((frame) => frame.t === "subscribe")).toHaveLength(2);
  });

  it("ignores deltas of the old view once the view has moved", () => {
    expect(told(play([watch, open, welcome, map(1, true), watch, map(2), map(3, true)]).news)).toEqual([
      1, 3,
    ]);
  });

  it("nobody wants any more is not told", () => {
    const gone: Happening = { type: "unsubscribe", channel: "map:monaco" };
    expect(told(play([watch, open, welcome, map(1, true), gone, map(2)]).news)).toEqual([1]);
  });
});

describe("a close", () => {
  it.each([1000, 1006, 1009, 4000, 4003, 4499])("with %i means come back", (code) => {
    const { state, retry } = play([open, welcome, { type: "closed", code, reason: "" }]);
    expect([state.phase, retry]).toEqual(["offline", { floorMs: 0 }]);
  });

  it.each([4500, 4501, 4507, 4999])("with %i means stop", (code) => {
    const { state, retry } = play([open, welcome, { type: "closed", code, reason: "no" }]);
    expect([state.phase, state.stop?.code, retry]).toEqual(["stopped", code, null]);
  });

  it("that drains says how long to stay away", () => {
    expect(play([open, { type: "closed", code: 4000, reason: '{"retry_ms": 1500}' }]).retry).toEqual({
      floorMs: 1500,
    });
  });

  it("after a welcome starts counting tries anew", () => {
    const lost: Happening = { type: "closed", code: 1006, reason: "" };
    expect(play([lost, lost, lost]).state.attempt).toBe(3);
    expect(play([lost, lost, lost, open, welcome]).state.attempt).toBe(0);
  });
});

describe("the wait before a try", () => {
  it("is anywhere from nothing to a ceiling that doubles and is capped", () => {
    expect(backoffMs(0, 0)).toBe(0);
    expect(backoffMs(0, 1)).toBe(BASE_MS);
    expect(backoffMs(2, 1)).toBe(BASE_MS * 4);
    expect(backoffMs(99, 1)).toBe(CAP_MS);
  });

  it("is never shorter than the server asked for", () => {
    expect(backoffMs(0, 0.1, 1500)).toBe(1500);
  });
});

it("frames of unknown types change nothing", () => {
  const { state } = play([open, welcome]);
  expect(step(state, { type: "frame", frame: { t: "weather", sunny: true } })).toEqual({
    state,
    send: [],
    news: [],
    retry: null,
  });
});

describe("a refused channel", () => {
  const frame = { t: "error", of: "subscribe", channel: "map:monaco", problem: { code: "forbidden" } };

  it("is told and not asked for again, on a connection that stays", () => {
    const { state } = play([{ type: "subscribe", channel: "map:monaco", view: null }, open, welcome]);
    const after = step(state, { type: "frame", frame });
    expect(after.news).toEqual([{ type: "refused", channel: "map:monaco", code: "forbidden" }]);
    expect(after.state.phase).toBe("live");
    expect(after.state.channels).toEqual({});
  });

  it("is nothing where we asked for none, nor is another frame's refusal", () => {
    const { state } = play([open, welcome]);
    expect(step(state, { type: "frame", frame }).news).toEqual([]);
    expect(step(state, { type: "frame", frame: { t: "error", of: "position" } }).news).toEqual([]);
  });
});

describe("what is no frame", () => {
  it.each(["", "{", "null", "[]", "42", '{"t": 7}', "{}"])("%s is ignored", (data) => {
    expect(readFrame(data)).toBeNull();
  });
  it("and a frame is read", () => {
    expect(readFrame('{"t": "pong"}')).toEqual({ t: "pong" });
  });
});
