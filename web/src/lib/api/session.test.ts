import { describe, expect, it } from "vitest";
import { Problem } from "./http";
import { Session, type Shelf } from "./session";

function shelf(): Shelf {
  const kept = new Map<string, string>();
  return {
    getItem: (key) => kept.get(key) ?? null,
    setItem: (key, value) => void kept.set(key, value),
    removeItem: (key) => void kept.delete(key),
  };
}

interface Asked {
  path: string;
  headers: Record<string, string>;
  body: Record<string, unknown> | null;
}

/** A server that hands out a1/r1, a2/r2 … and takes only the newest of each; `dead` ends the family. */
function fakeServer() {
  const asked: Asked[] = [];
  let round = 0;
  const state = { dead: false, valid: "" };
  const send = async (input: RequestInfo | URL, init: RequestInit = {}) => {
    const headers = init.headers as Record<string, string>;
    const body = init.body ? JSON.parse(String(init.body)) : null;
    asked.push({ path: String(input), headers, body });
    const answer = (status: number, data: unknown) => new Response(JSON.stringify(data), { status });
    if (String(input) === "/v1/auth/token") {
      if (body.refresh_token && (state.dead || body.refresh_token !== `r${round}`)) {
        return answer(401, { code: "token_reused", title: "reused" });
      }
      round += 1;
      state.valid = `a${round}`;
      return answer(200, {
        access_token: `a${round}`,
        refresh_token: `r${round}`,
        expires_in: 900,
        account_id: "me",
      });
    }
    if (headers.Authorization !== `Bearer ${state.valid}`) return answer(401, { code: "unauthenticated" });
    return answer(200, { ok: true });
  };
  return { asked, state, send: send as typeof fetch };
}

async function signedIn() {
  const server = fakeServer();
  const clock = { now: 0 };
  const session = new Session(
    "test",
    shelf(),
    () => "en",
    () => clock.now,
    server.send,
  );
  await session.answerCode("c", "123456");
  return { server, clock, session };
}

describe("a session", () => {
  it("is signed in once the code is answered", async () => {
    const { session } = await signedIn();
    expect([session.signedIn, session.accountId]).toEqual([true, "me"]);
  });

  it("refreshes before the access token ends", async () => {
    const { session, clock, server } = await signedIn();
    clock.now = 880_000; // 20 s before the end
    await session.call("/v1/me");
    expect(server.asked.at(-1)?.headers.Authorization).toBe("Bearer a2");
  });

  it("refreshes once for many calls at the same time", async () => {
    const { session, clock, server } = await signedIn();
    clock.now = 900_000;
    await Promise.all([session.call("/v1/me"), session.call("/v1/me/duty"), session.call("/v1/me/offers")]);
    expect(server.asked.filter((one) => one.body?.refresh_token)).toHaveLength(1);
  });

  it("renews and tries once more when the server refuses its token", async () => {
    const { session, server } = await signedIn();
    server.state.valid = "";
    expect(await session.call("/v1/me")).toEqual({ ok: true });
  });

  it("keeps the idempotency key when it tries again", async () => {
    const { session, server } = await signedIn();
    server.state.valid = "";
    await session.call("/v1/requests", { method: "POST", body: {} });
    const keys = server.asked
      .filter((one) => one.path === "/v1/requests")
      .map((one) => one.headers["Idempotency-Key"]);
    expect(keys).toHaveLength(2);
    expect(new Set(keys).size).toBe(1);
  });

  it("is over when its family of tokens is", async () => {
    const { session, server } = await signedIn();
    server.state.valid = "";
    server.state.dead = true;
    await expect(session.call("/v1/me")).rejects.toBeInstanceOf(Problem);
    expect(session.signedIn).toBe(false);
  });

  it("tells a refusal with the server's stable code", async () => {
    const session = new Session(
      "test",
      shelf(),
      () => "en",
      () => 0,
      (async () =>
        new Response(JSON.stringify({ code: "lost_race", title: "gone" }), { status: 409 })) as typeof fetch,
    );
    await expect(session.open("/v1/offers/1/accept")).rejects.toMatchObject({
      status: 409,
      code: "lost_race",
    });
  });
});
