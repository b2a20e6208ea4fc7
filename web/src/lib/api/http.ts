/** JSON over HTTP, same origin. Every refusal of the API becomes one `Problem`. */

export interface Money {
  amount: number;
  currency: string;
}

/** RFC 9457 problem+json, or what stands in for it when the answer was not one. */
export class Problem extends Error {
  constructor(
    readonly status: number,
    readonly code: string,
    title: string,
    readonly retryAfterS: number | null = null,
  ) {
    super(title);
    this.name = "Problem";
  }
}

export type Method = "GET" | "POST" | "PUT" | "PATCH" | "DELETE";

export interface Call {
  method?: Method;
  body?: unknown;
  token?: string;
  language?: string;
  idempotencyKey?: string;
  signal?: AbortSignal;
}

const TIMEOUT_MS = 15_000; // the slowest honest answer is a quote; past this we say so and let the person retry

/** A random key in every context: `crypto.randomUUID` exists only on https and localhost. */
export function freshKey(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}

/** Calls one route. Resolves with the parsed body (null for an empty one), rejects with a `Problem`. */
export async function call<T>(path: string, options: Call = {}, send: typeof fetch = fetch): Promise<T> {
  const headers: Record<string, string> = { Accept: "application/json" };
  if (options.token) headers.Authorization = `Bearer ${options.token}`;
  if (options.language) headers["Accept-Language"] = options.language;
  if (options.idempotencyKey) headers["Idempotency-Key"] = options.idempotencyKey;
  if (options.body !== undefined) headers["Content-Type"] = "application/json";
  const late = AbortSignal.timeout(TIMEOUT_MS);
  const response = await send(path, {
    method: options.method ?? "GET",
    headers,
    signal: options.signal ? AbortSignal.any([options.signal, late]) : late,
    ...(options.body === undefined ? {} : { body: JSON.stringify(options.body) }),
  }).catch((cause: unknown) => {
    throw new Problem(0, "unreachable", cause instanceof Error ? cause.message : "unreachable");
  });
  const text = await response.text();
  const parsed = parse(text);
  if (response.ok) return parsed as T;
  const fields = (parsed ?? {}) as { code?: string; title?: string; detail?: string };
  throw new Problem(
    response.status,
    fields.code ?? `http_${response.status}`,
    fields.detail ?? fields.title ?? response.statusText,
    Number(response.headers.get("Retry-After")) || null,
  );
}

function parse(text: string): unknown {
  if (!text) return null;
  try {
    return JSON.parse(text);
  } catch {
    return null; // a proxy's HTML page; the status still tells
  }
}
