import { VirtualClock } from "@outrigger/lab";
import {
  type BreakerOptions,
  type CircuitBreaker,
  circuitBreaker,
  execute,
  type PolicyEvent,
} from "../src/index.ts";

export interface WatchedBreaker {
  readonly clock: VirtualClock;
  readonly breaker: CircuitBreaker;
  readonly events: PolicyEvent[];
  /** One call through it, that fails with `end` where there is one. Resolves with what came of it, an error too. */
  readonly call: (end?: unknown) => Promise<unknown>;
}

/** A breaker that opens on two calls of which one failed, for 30 s, and has one probe. */
export function watchedBreaker(options: BreakerOptions = {}): WatchedBreaker {
  const clock = new VirtualClock();
  const events: PolicyEvent[] = [];
  const onEvent = (event: PolicyEvent): number => events.push(event);
  const breaker = circuitBreaker({ minimumCalls: 2, probes: 1, clock, onEvent, ...options });
  const call = (end?: unknown): Promise<unknown> => {
    const guarded = breaker(async () => {
      if (end !== undefined) throw end;
      return "ok";
    });
    return execute(guarded, undefined, { clock }).catch((error: unknown) => error);
  };
  return { clock, breaker, events, call };
}
