/**
 * Who is signed in on this app. Phone + OTP in, short access token and rotating refresh token kept.
 *
 * A reused refresh token ends the whole family on the server, so refreshes of one app's tabs take turns
 * (Web Locks where the browser has them) and read the stored tokens again once it is their turn.
 */
import { type Call, call, freshKey, Problem } from "./http";

export interface Tokens {
  access_token: string;
  refresh_token: string;
  expires_in: number;
  account_id: string;
}

interface Kept extends Tokens {
  /** ms since the epoch after which the access token is treated as over */
  until: number;
}

/** The part of Storage we need; tests pass a Map-backed one. */
export type Shelf = Pick<Storage, "getItem" | "setItem" | "removeItem">;

const EARLY_MS = 30_000; // refresh this long before the token ends, so that no call leaves with a dying one

export class Session {
  #key: string;
  #shared: Promise<Kept> | null = null;

  /** `app` keeps the customer's, the provider's and the ops' accounts apart in one browser. */
  constructor(
    app: string,
    private readonly shelf: Shelf,
    private readonly language: () => string,
    private readonly now: () => number = Date.now,
    private readonly send: typeof fetch = (...args) => fetch(...args),
  ) {
    this.#key = `coudmain.${app}.session`;
  }

  get signedIn(): boolean {
    return this.#read() !== null;
  }

  get accountId(): string | null {
    return this.#read()?.account_id ?? null;
  }

  /** Asks for a code by SMS. Resolves with the challenge to answer. */
  async askCode(phone: string): Promise<{ challenge_id: string; expires_in: number }> {
    return this.open("/v1/auth/otp", { method: "POST", body: { phone } });
  }

  async answerCode(challengeId: string, code: string): Promise<void> {
    this.#keep(
      await this.open<Tokens>("/v1/auth/token", {
        method: "POST",
        body: { challenge_id: challengeId, code },
      }),
    );
  }

  /** Development only: the code the console sender "sent", or null where that route does not exist. */
  async peekCode(phone: string): Promise<string | null> {
    const items = await this.devOutbox(phone);
    return items?.find((item) => item.kind === "otp")?.data.code ?? null;
  }

  async devOutbox(phone: string): Promise<{ kind: string; data: { code?: string } }[] | null> {
    try {
      const outbox = await this.open<{ items?: { kind: string; data: { code?: string } }[] } | null>(
        `/v1/dev/outbox?to=${encodeURIComponent(phone)}`,
      );
      return outbox?.items ?? null;
    } catch (problem) {
      if (problem instanceof Problem) return null;
      throw problem;
    }
  }

  /** Trades the refresh token for new ones now, e.g. because the account's roles have changed. */
  async renew(): Promise<void> {
    await this.#refresh(true);
  }

  /** Signs out here and, if it can be reached, on the server. */
  async leave(): Promise<void> {
    const kept = this.#read();
    this.shelf.removeItem(this.#key);
    if (!kept) return;
    await this.open("/v1/auth/logout", {
      method: "POST",
      token: kept.access_token,
      body: { refresh_token: kept.refresh_token },
    }).catch(() => undefined); // signed out here whatever the server says; its token is short
  }

  /** Calls a route as the signed-in account; one refresh and one retry on 401. */
  async call<T>(path: string, options: Omit<Call, "token"> = {}): Promise<T> {
    const prepared = { ...options };
    if (prepared.method && prepared.method !== "GET" && !prepared.idempotencyKey) {
      prepared.idempotencyKey = freshKey();
    }
    const kept = await this.#fresh();
    try {
      return await this.open<T>(path, { ...prepared, token: kept.access_token });
    } catch (problem) {
      if (!(problem instanceof Problem) || problem.status !== 401) throw problem;
      const renewed = await this.#refresh(true, kept.access_token);
      return this.open<T>(path, { ...prepared, token: renewed.access_token });
    }
  }

  /** Calls a route as nobody. */
  open<T>(path: string, options: Call = {}): Promise<T> {
    return call<T>(path, { language: this.language(), ...options }, this.send);
  }

  async #fresh(): Promise<Kept> {
    const kept = this.#read();
    if (!kept) throw new Problem(401, "signed_out", "not signed in");
    return kept.until > this.now() ? kept : this.#refresh(false);
  }

  #refresh(force: boolean, seen?: string): Promise<Kept> {
    this.#shared ??= this.#inTurn(() => this.#trade(force, seen)).finally(() => {
      this.#shared = null;
    });
    return this.#shared;
  }

  async #trade(force: boolean, seen?: string): Promise<Kept> {
    const kept = this.#read();
    if (!kept) throw new Problem(401, "signed_out", "not signed in");
    const another = seen !== undefined && kept.access_token !== seen; // another tab has just renewed it
    if (another || (!force && kept.until > this.now())) return kept;
    try {
      return this.#keep(
        await this.open<Tokens>("/v1/auth/token", {
          method: "POST",
          body: { refresh_token: kept.refresh_token },
        }),
      );
    } catch (problem) {
      if (problem instanceof Problem && (problem.status === 400 || problem.status === 401)) {
        this.shelf.removeItem(this.#key);
      }
      throw problem;
    }
  }

  async #inTurn<T>(work: () => Promise<T>): Promise<T> {
    const locks = globalThis.navigator?.locks;
    return locks ? locks.request(this.#key, work) : work();
  }

  #keep(tokens: Tokens): Kept {
    const kept = { ...tokens, until: this.now() + tokens.expires_in * 1000 - EARLY_MS };
    this.shelf.setItem(this.#key, JSON.stringify(kept));
    return kept;
  }

  #read(): Kept | null {
    const text = this.shelf.getItem(this.#key);
    return text ? (JSON.parse(text) as Kept) : null;
  }
}
