/** The coudmain.v1 socket in a browser: carries `step` over a real WebSocket, with tickets, pings and retries. */
import { backoffMs } from "./backoff";
import {
  type Happening,
  type News,
  readFrame,
  type SocketState,
  START,
  SUBPROTOCOL,
  step,
  type View,
} from "./protocol";

export interface SocketOptions {
  /** fetches a single-use ticket; a rejection counts as a lost connection */
  ticket: () => Promise<string>;
  /** hears everything worth hearing, in order */
  hear: (news: News) => void;
  url?: string;
}

const PING_EVERY_MS = 20_000; // under the server's 25 s heartbeat, and proxies may cut at 30 s
const SILENCE_MS = 45_000; // two heartbeats without a frame: the line is dead though nobody said so
const CONNECT_MS = 10_000;

export class LiveSocket {
  #state: SocketState = START;
  #socket: WebSocket | null = null;
  #retry: ReturnType<typeof setTimeout> | undefined;
  #ping: ReturnType<typeof setInterval> | undefined;
  #closed = false;
  #heardAt = 0;
  #wake = () => this.#hurry();

  constructor(private readonly options: SocketOptions) {
    globalThis.addEventListener?.("online", this.#wake);
    void this.#connect();
  }

  get state(): SocketState {
    return this.#state;
  }

  subscribe(channel: string, view: View | null = null): void {
    this.#take({ type: "subscribe", channel, view });
  }

  unsubscribe(channel: string): void {
    this.#take({ type: "unsubscribe", channel });
  }

  /** Ends for good. */
  close(): void {
    this.#closed = true;
    globalThis.removeEventListener?.("online", this.#wake);
    clearTimeout(this.#retry);
    clearInterval(this.#ping);
    this.#socket?.close(1000);
    this.#socket = null;
  }

  async #connect(): Promise<void> {
    if (this.#closed) return;
    this.#state = { ...this.#state, phase: "connecting" };
    this.options.hear({ type: "phase", phase: "connecting" });
    let ticket: string;
    try {
      ticket = await this.options.ticket();
    } catch {
      this.#take({ type: "closed", code: 1006, reason: "no ticket" });
      return;
    }
    if (this.#closed) return;
    const socket = new WebSocket(this.options.url ?? socketUrl(), SUBPROTOCOL);
    this.#socket = socket;
    const tooLate = setTimeout(() => socket.close(), CONNECT_MS);
    let over = false;
    const lost = (code: number, reason: string) => {
      clearTimeout(tooLate);
      if (over || this.#closed) return;
      over = true;
      clearInterval(this.#ping);
      this.#socket = null;
      this.#take({ type: "closed", code, reason });
    };
    socket.onopen = () => {
      clearTimeout(tooLate);
      this.#heardAt = Date.now();
      this.#ping = setInterval(() => {
        if (Date.now() - this.#heardAt > SILENCE_MS) {
          socket.close();
          lost(1006, "silence");
        } else if (socket.readyState === WebSocket.OPEN) socket.send('{"t":"ping"}');
      }, PING_EVERY_MS);
      this.#take({ type: "open", ticket });
    };
    socket.onmessage = (message) => {
      this.#heardAt = Date.now();
      const frame = readFrame(message.data);
      if (frame) this.#take({ type: "frame", frame });
    };
    socket.onclose = (event) => lost(event.code, event.reason);
  }

  #take(happening: Happening): void {
    const { state, send, news, retry } = step(this.#state, happening);
    this.#state = state;
    for (const frame of send) this.#socket?.send(JSON.stringify(frame));
    for (const item of news) this.options.hear(item);
    if (retry && !this.#closed) {
      clearTimeout(this.#retry);
      const wait = backoffMs(state.attempt - 1, Math.random(), retry.floorMs);
      this.#retry = setTimeout(() => void this.#connect(), wait);
    }
  }

  /** The network is back: do not sit out the rest of the wait. */
  #hurry(): void {
    if (this.#state.phase !== "offline" || this.#closed) return;
    clearTimeout(this.#retry);
    void this.#connect();
  }
}

function socketUrl(): string {
  const { protocol, host } = globalThis.location;
  return `${protocol === "https:" ? "wss" : "ws"}://${host}/v1/ws`;
}
