import type { Effect } from "@outrigger/core";
import { exponential } from "@outrigger/core";
import { VirtualClock } from "@outrigger/lab";
import { type HttpEvent, HttpFailure, httpIntegration } from "../../src/index.ts";
import { closeNow, sleep } from "../support/harness.ts";
import type { Connection, Fault, Strike } from "./world.ts";

/** One operation of each kind. */
export const kinds = {
  read: { method: "GET", path: "/read" },
  natural: { method: "PUT", path: "/natural" },
  keyed: { method: "POST", path: "/keyed", idempotency: { header: "Idempotency-Key", window: "1d" } },
  unkeyed: { method: "POST", path: "/unkeyed" },
} as const;

export type Kind = keyof typeof kinds;

export interface Scenario {
  readonly fault: Fault;
  readonly kind: Kind;
  readonly connection: Connection;
  readonly strike: Strike;
  /** Over TLS. */
  readonly secure?: boolean;
}

export interface Outcome {
  /** Undefined when the call was answered well. */
  readonly code: string | undefined;
  readonly effect: Effect | undefined;
  readonly attempts: number;
  /** Sendings that were no retry. */
  readonly resends: number;
  readonly sent: number;
  readonly applied: number;
  /** What the next call on the same integration got, once the service is well again: its own answer, or a code. */
  readonly next: string;
  /** What was not given back. */
  readonly left: string;
}

/** On the virtual clock, which goes no faster than real time but while a fault is known to keep the call waiting. */
const timeout = { connect: "5s", read: "5s", attempt: "12s", total: "60s" } as const;

/** Makes one call into one fault, and reads the books afterwards. */
export async function run({ fault, kind, connection, strike, secure }: Scenario): Promise<Outcome> {
  const world = await fault.world(secure);
  const events: HttpEvent[] = [];
  const clock = new VirtualClock();
  const api = httpIntegration({
    name: "faults",
    baseUrl: world.url,
    operations: kinds,
    timeout,
    clock,
    random: () => 0.5,
    breaker: false,
    retry: { maxRetries: 2, backoff: exponential("1ms") },
    maxResponseBytes: 1_000,
    onEvent: (event) => {
      events.push(event);
      if (event.type === "attemptFinished") world.attempted?.();
    },
    ...(world.settings as object),
  });
  const ended = (): number => events.filter(({ type }) => type === "attemptFinished").length;
  const struck = (): boolean =>
    fault.waits === true && ended() < strike.times && world.struck?.(ended(), api.snapshot().pool) === true;
  const call = (id: string): Promise<{ json<T>(): T }> =>
    whileTimePasses(clock, struck, () =>
      api.request(kind, kind === "read" ? { query: { id } } : { json: { id } }),
    );
  try {
    if (connection === "reused") await call("warm");
    const resentBefore = api.snapshot().pool.staleResends;
    events.length = 0;
    await world.arm(strike);
    const error = await call("it").then(
      () => undefined,
      (reason: unknown) => reason,
    );
    if (error !== undefined && !HttpFailure.is(error)) throw error;
    const attempts = ended();
    const resends = api.snapshot().pool.staleResends - resentBefore;
    await world.arm({ applies: false, times: 0 });
    await world.settle?.();
    const next = await call("next").then(
      (answer) => answer.json<{ id?: string }>().id ?? "another answer",
      (failure: HttpFailure) => failure.code,
    );
    const { pool, concurrency, calls } = api.snapshot();
    return {
      code: error?.code,
      effect: error?.effect,
      attempts,
      resends,
      ...(await world.books("it")),
      next,
      left: `${pool.inUse} leases, ${pool.waiting} waiters, ${concurrency?.inUse} slots, ${calls.running} calls`,
    };
  } finally {
    await closeNow(api, clock);
    await world.stop();
  }
}

/** A millisecond a turn, or a quarter of a second while nothing but a timeout can end the attempt. */
async function whileTimePasses<T>(
  clock: VirtualClock,
  struck: () => boolean,
  work: () => Promise<T>,
): Promise<T> {
  let over = false;
  const result = work().finally(() => {
    over = true;
  });
  result.catch(() => {});
  while (!over) {
    await sleep(1);
    await clock.advance(struck() ? 250 : 1);
  }
  return result;
}
