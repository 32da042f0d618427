import { type Call, invoke, type Policy } from "../context/call.ts";
import type { CallContext } from "../context/call-context.ts";
import { type Duration, durationMs, durationText } from "../duration/duration.ts";
import { coreFailureCodes, Failure } from "../failure/failure.ts";
import { assertKnownKeys, integerIn } from "../options/options.ts";
import { observerOf, type PolicyOptions, policyOptionKeys } from "../options/policy-options.ts";
import { type Slot, Slots } from "./slots.ts";

export interface ConcurrencyLimitOptions extends PolicyOptions {
  /** Calls at a time. Range: integer >= 1. */
  readonly limit: number;
  /** What a rejection tells the caller to wait. @defaultValue "1s" */
  readonly retryAfter?: Duration | undefined;
}

/**
 * - `retryAfter` 1 s: the least that an HTTP `Retry-After` header can say; a slot is usually free long before.
 */
export const concurrencyDefaults: { readonly retryAfter: Duration } = { retryAfter: "1s" };

export interface ConcurrencySnapshot {
  readonly limit: number;
  /** Slots taken, those of work that outlived its caller included. */
  readonly inUse: number;
  /** Slots held only by work that goes on although its caller has been answered. */
  readonly outliving: number;
  /** Calls turned away since the start. */
  readonly rejected: number;
}

export type ConcurrencyLimit = Policy & { snapshot(): ConcurrencySnapshot };

/**
 * Lets at most `limit` calls run at a time, and rejects the rest at once.
 *
 * A slot is held until the call truly ends, also when its caller has already gone: a timeout inside or outside
 * of this policy answers the caller, and the slot stays taken while the work goes on. All calls that are
 * wrapped with one limit share its slots.
 *
 * @param options - The limit alone, or an object. Range: integer >= 1.
 * @throws {@link Failure} `LIMIT_REACHED` with effect `none` and `retryAfterMs` while every slot is taken.
 */
export function concurrencyLimit(options: number | ConcurrencyLimitOptions): ConcurrencyLimit {
  const given = typeof options === "number" ? { limit: options } : options;
  assertKnownKeys("concurrency", given, ["limit", "retryAfter", ...policyOptionKeys]);
  const slots = new Slots(integerIn("concurrency.limit", given.limit, 1));
  const retryAfterMs = durationMs(
    "concurrency.retryAfter",
    given.retryAfter ?? concurrencyDefaults.retryAfter,
    { minMs: 0 },
  );
  const { name, emit } = observerOf("concurrency", given);
  let rejected = 0;
  let outliving = 0;

  const limitReached = (): Failure => {
    rejected += 1;
    emit?.({ type: "limitReached", name, limit: slots.limit, retryAfterMs });
    const whose = name === undefined ? "" : ` of ${name}`;
    return new Failure(
      `the concurrency limit${whose} (${slots.limit}) is reached; try again in ${durationText(retryAfterMs)}`,
      { code: coreFailureCodes.limitReached, effect: "none", kind: "rejected", retryAfterMs },
    );
  };

  /** The call has settled; its slot is free once nothing is left running behind it. */
  const giveBack = (slot: Slot, context: CallContext): void => {
    outliving += 1;
    context.whenWorkEnds(() => {
      outliving -= 1;
      slot.release();
    });
  };

  const limit: Policy = <I, O>(next: Call<I, O>): Call<I, O> => {
    return (input, context) => {
      const slot = slots.take();
      if (slot === undefined) return Promise.reject(limitReached());
      return invoke(next, input, context).then(
        (value) => {
          giveBack(slot, context);
          return value;
        },
        (error: unknown) => {
          giveBack(slot, context);
          throw error;
        },
      );
    };
  };
  return Object.assign(limit, {
    snapshot: () => ({ limit: slots.limit, inUse: slots.inUse, outliving, rejected }),
  });
}
