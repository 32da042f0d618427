import { leftWaiting } from "../bulkhead/left-waiting.ts";
import type { CallContext } from "../context/call-context.ts";
import type { Failure } from "../failure/failure.ts";
import type { Taken } from "./gcra.ts";
import type { RateLimiter } from "./rate-limiter.ts";

/** Permits after a wait. */
export interface RateTurn {
  readonly taken: Taken;
  /** Says that the call is about to be made: from here on its effect is open again. */
  begin(): void;
}

/**
 * Waits for permits, or says at once that it would be in vain. However the wait ends, its listener and its place
 * are gone at that moment.
 */
export function waitForPermits(
  limiter: RateLimiter,
  maxWaitMs: number,
  cost: number,
  sinceMs: number,
  context: CallContext,
): Promise<RateTurn> {
  const { line } = limiter;
  const readyAtMs = line.readyAtMs(cost);
  const leftMs = context.leftMs;
  const deadlineAtMs = sinceMs + leftMs;
  if (readyAtMs >= deadlineAtMs)
    return Promise.reject(limiter.pastDeadline(readyAtMs, leftMs, sinceMs, context));
  if (readyAtMs > sinceMs + maxWaitMs) return Promise.reject(limiter.limited(readyAtMs, sinceMs, context));
  if (line.isFull) return Promise.reject(limiter.queueFull(sinceMs, context));

  return new Promise((resolve, reject) => {
    // A part says `none` while it waits and takes that back by ending, see the bulkhead.
    const part = context.child();
    part.record("none");
    let forget = (): void => {};
    const left = (outcome: string, nowMs: number): void => {
      forget();
      const { name, emit } = limiter.observer;
      const { operation } = context;
      emit?.({
        type: "queueLeft",
        name,
        operation,
        policy: "rateLimit",
        waitedMs: nowMs - sinceMs,
        outcome,
      });
    };
    const refuse = (failure: Failure, nowMs: number): void => {
      part.end();
      left(failure.code, nowMs);
      reject(failure);
    };
    const ticket = limiter.wait({
      cost,
      sinceMs,
      latestAtMs: Math.min(sinceMs + maxWaitMs, deadlineAtMs),
      deadlineAtMs,
      granted(taken, nowMs) {
        left("admitted", nowMs);
        resolve({ taken, begin: () => part.end() });
      },
      dropped(turnAtMs, nowMs) {
        const late = turnAtMs >= deadlineAtMs && turnAtMs < Number.POSITIVE_INFINITY;
        refuse(
          late
            ? limiter.pastDeadline(turnAtMs, deadlineAtMs - nowMs, nowMs, context)
            : limiter.limited(turnAtMs, nowMs, context),
          nowMs,
        );
      },
    });
    forget = context.onAbort((reason) => {
      if (!limiter.abort(ticket)) return;
      part.end();
      left("aborted", limiter.now());
      reject(leftWaiting(reason));
    });
  });
}
