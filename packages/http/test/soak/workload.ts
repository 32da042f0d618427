import { exponential, type Random } from "@outrigger/core";
import { pick } from "@outrigger/lab";
import { HttpFailure, type HttpIntegration, httpIntegration } from "../../src/index.ts";

const operations = {
  read: { method: "GET", path: "/read" },
  natural: { method: "PUT", path: "/natural", refusals: [402] },
  keyed: {
    method: "POST",
    path: "/keyed",
    idempotency: { header: "Idempotency-Key", window: "1d" },
    refusals: [402],
  },
  unkeyed: { method: "POST", path: "/unkeyed", refusals: [402] },
} as const;

type Name = keyof typeof operations;
export type SoakApi = HttpIntegration<Name>;

/** Short timeouts and a small pool, so that every policy has work to do. */
export function soakApi(baseUrl: string, random: Random, count: (type: string) => void): SoakApi {
  return httpIntegration({
    name: "soak",
    baseUrl,
    random,
    operations,
    notApplied: [503],
    timeout: { connect: "500ms", read: "150ms", attempt: "400ms", total: "1200ms" },
    pool: { connections: 24, acquire: "100ms", maxWaiting: 34 },
    concurrency: { limit: 60 },
    retry: { maxRetries: 2, backoff: exponential("2ms") },
    breaker: { minimumCalls: 50, failureRatio: 0.9, openFor: "20ms" },
    maxResponseBytes: 200_000,
    onEvent: ({ type }) => count(type),
  });
}

/** What is done with a call and its answer. */
const ways = ["whole", "whole", "whole", "stream", "streamCancelled", "aborted"] as const;
const names: readonly Name[] = ["read", "read", "natural", "keyed", "unkeyed", "unkeyed"];

export interface Ended {
  readonly name: Name;
  /** Undefined when it succeeded. */
  readonly code: string | undefined;
  /** The failure said that a change had no effect. */
  readonly deniedEffect: boolean;
  /** The failure said that nothing was sent. */
  readonly unsent: boolean;
}

/** One call of a random kind. `shared` is a signal that outlives all calls, as a server's shutdown signal does. */
export async function one(api: SoakApi, id: number, random: Random, shared: AbortSignal): Promise<Ended> {
  const name = pick(names, random);
  const way = pick(ways, random);
  const abort = new AbortController();
  const timer = way === "aborted" ? setTimeout(() => abort.abort(), Math.floor(random() * 40)) : undefined;
  const options = {
    ...(name === "read" ? { query: { id } } : { json: { id } }),
    signal: way === "aborted" ? abort.signal : shared,
  };
  try {
    if (way === "stream") await drain(api, name, options, Number.POSITIVE_INFINITY);
    else if (way === "streamCancelled") await drain(api, name, options, 1);
    else await api.request(name, options);
    return { name, code: undefined, deniedEffect: false, unsent: false };
  } catch (error) {
    if (!HttpFailure.is(error)) throw error;
    const deniedEffect = name !== "read" && error.effect === "none";
    return { name, code: error.code, deniedEffect, unsent: !error.written };
  } finally {
    clearTimeout(timer);
  }
}

/** Reads a streamed answer, all of it or some parts, and wants no more. */
async function drain(
  api: SoakApi,
  name: Name,
  options: Parameters<SoakApi["stream"]>[1],
  parts: number,
): Promise<void> {
  const { body } = await api.stream(name, options);
  let read = 0;
  for await (const _part of body) {
    read += 1;
    if (read >= parts) break;
  }
}
