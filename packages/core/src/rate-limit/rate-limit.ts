import { leftWaiting } from "../bulkhead/left-waiting.ts";
import { type Call, invoke, type Policy } from "../context/call.ts";
import type { CallContext } from "../context/call-context.ts";
import { type Duration, show } from "../duration/duration.ts";
import { verdictOf } from "../failure/failure.ts";
import { assertOptions } from "../options/options.ts";
import { observerOf } from "../options/policy-options.ts";
import { type Gate, gatePolicy } from "../pipeline/gate.ts";
import { withPlan } from "../pipeline/plan.ts";
import type { Taken } from "./gcra.ts";
import { costOf, type RateLimitOptions, rateLimitSettings } from "./rate-limit-options.ts";
import { RateLimiter } from "./rate-limiter.ts";
import { waitForPermits } from "./wait-for-permits.ts";

/** What may change while calls run and wait. */
export interface RateLimitChange {
  readonly permits?: number | undefined;
  readonly per?: Duration | undefined;
  readonly burst?: number | undefined;
  readonly maxWait?: Duration | undefined;
  readonly maxWaiting?: number | undefined;
  readonly obeyRetryAfter?: boolean | undefined;
  readonly maxPause?: Duration | undefined;
}

/** Plain JSON. */
export interface RateLimitSnapshot {
  readonly kind: "rateLimit";
  readonly name: string | undefined;
  readonly permits: number;
  readonly perMs: number;
  readonly burst: number;
  /** Permits that could be spent now, with fractions. */
  readonly available: number;
  /** How long nothing is let through; 0 when it is not paused. */
  readonly pausedForMs: number;
  readonly waiting: number;
  /** Permits spent since the start, those that came back included. */
  readonly spent: number;
  /** Permits that came back, because their call was not made. */
  readonly refunded: number;
  /** Calls turned away since the start. */
  readonly rejected: number;
  /** Calls that were aborted while they waited, since the start. */
  readonly aborted: number;
}

export type RateLimit = Policy & {
  snapshot(): RateLimitSnapshot;
  /**
   * Lets nothing through before this instant on the limiter's monotonic clock, and one call at it. Never makes a
   * pause shorter. Who waits and would now wait too long is told at once.
   */
  drain(untilMs: number): void;
  /**
   * Changes what is given and keeps the rest, the permits that are there and who waits; `undefined` stands for the
   * default. A `burst` that was not given follows `permits`.
   *
   * @throws RangeError or TypeError that names the option, its value and the fix; nothing has changed then.
   */
  reconfigure(change: RateLimitChange): void;
};

/**
 * Makes at most `permits` calls in each `per`, with bursts of up to `burst` after a rest; the others are rejected,
 * or wait their turn.
 *
 * In any span of time no more is sent than `burst` and what the rate gives in it. A call that was not made after
 * all, because a policy inside turned it away, gives its permits back. An answer that says when to come back
 * pauses everybody until then. Who waits holds a place in a bounded line, is told at once when its turn would
 * come too late, and gives the place up when it is aborted; while it waits the call's effect is `none`.
 *
 * @throws {@link Failure} with effect `none`, kind `rejected` and the exact `retryAfterMs`: `RATE_LIMITED`;
 * `QUEUE_FULL` when too many wait; `WAIT_PAST_DEADLINE` when its turn would come after its deadline. RangeError
 * when `cost` asks for more than there can ever be.
 */
export function rateLimit(options: RateLimitOptions): RateLimit {
  let given = options;
  let settings = rateLimitSettings(given);
  const { clock, mode, cost } = settings;
  const observer = observerOf("rateLimit", given);
  const limiter = new RateLimiter(settings, observer);

  const heed = (error: unknown, taken: Taken): void => {
    const { kind, effect, retryAfterMs } = verdictOf(error);
    const ours = kind === "rejected" || kind === "aborted";
    // Whatever the other side did not get to see has not used its permits.
    if (ours && effect === "none") limiter.refund(taken, clock.now());
    else if (!ours && retryAfterMs !== undefined && settings.maxPauseMs > 0) {
      const nowMs = clock.now();
      limiter.pause(nowMs + Math.min(retryAfterMs, settings.maxPauseMs), nowMs);
    }
  };

  const run = <I, O>(next: Call<I, O>, input: I, context: CallContext, taken: Taken): Promise<O> =>
    invoke(next, input, context).catch((error: unknown) => {
      heed(error, taken);
      throw error;
    });

  const waiting: Policy = <I, O>(next: Call<I, O>): Call<I, O> => {
    return (input, context) => {
      if (context.abortReason !== undefined) return Promise.reject(leftWaiting(context.abortReason));
      const nowMs = clock.now();
      let needed: number;
      try {
        needed = costOf(cost, input, limiter.line.burst);
      } catch (error) {
        return Promise.reject(error);
      }
      const taken = limiter.take(needed, nowMs);
      if (taken !== undefined) return run(next, input, context, taken);
      if (mode === "reject")
        return Promise.reject(limiter.limited(limiter.line.readyAtMs(needed), nowMs, context));
      return waitForPermits(limiter, settings.maxWaitMs, needed, nowMs, context).then((turn) => {
        turn.begin();
        if (context.abortReason === undefined) return run(next, input, context, turn.taken);
        // Aborted between the hand-over and now.
        limiter.refund(turn.taken, clock.now());
        throw leftWaiting(context.abortReason);
      });
    };
  };

  const { name } = observer;
  const policy =
    mode === "reject" && cost === undefined
      ? gatePolicy(
          gateOf(limiter, heed),
          {
            kind: "gate",
            policy: "rateLimit",
            name,
            get rate() {
              return settings.rate;
            },
          },
          clock,
        )
      : withPlan(waiting, {
          kind: "rateLimit",
          name,
          get rate() {
            return settings.rate;
          },
          get maxWaitMs() {
            return settings.maxWaitMs;
          },
        });

  return Object.assign(policy, {
    snapshot: () => limiter.snapshot(settings.rate, clock.now()),
    drain: (untilMs: number) => void limiter.pause(instant(untilMs), clock.now()),
    reconfigure(change: RateLimitChange) {
      const merged = changed(given, change);
      settings = rateLimitSettings(merged);
      given = merged;
      limiter.change(settings.rate, settings.maxWaiting, clock.now());
    },
  });
}

/**
 * The limit as a gate. A token is the instant at which the bucket would have been full again, counted from the
 * first call so that it cannot be negative: with the start of the attempt it is all that a refund needs.
 */
function gateOf(limiter: RateLimiter, heed: (error: unknown, taken: Taken) => void): Gate {
  let originMs: number | undefined;
  return {
    admit(nowMs) {
      const taken = limiter.take(1, nowMs);
      if (taken === undefined) return -1;
      originMs ??= nowMs;
      return taken.fullAtMs - originMs;
    },
    rejection: (nowMs, context) => limiter.limited(limiter.line.readyAtMs(1), nowMs, context),
    settle(token, outcome, _, startedAtMs, error) {
      if (outcome === "success" && error === undefined) return;
      heed(error, { cost: 1, atMs: startedAtMs, fullAtMs: token + (originMs ?? 0) });
    },
  };
}

function instant(untilMs: unknown): number {
  if (typeof untilMs !== "number" || !Number.isFinite(untilMs)) {
    throw new RangeError(
      `rateLimit.drain needs an instant in milliseconds on the limiter's clock; got ${show(untilMs)}`,
    );
  }
  return untilMs;
}

const tunable = ["permits", "per", "burst", "maxWait", "maxWaiting", "obeyRetryAfter", "maxPause"];

function changed(given: RateLimitOptions, change: RateLimitChange): RateLimitOptions {
  assertOptions("rateLimit", change, tunable);
  // What is required and missing now is refused with the rest of the settings.
  return { ...given, ...change } as RateLimitOptions;
}
