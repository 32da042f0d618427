import { type Clock, systemClock } from "../clock/clock.ts";
import { type Call, invoke, type Policy } from "../context/call.ts";
import type { CallContext } from "../context/call-context.ts";
import type { Duration } from "../duration/duration.ts";
import { assertOptions, limitOptions } from "../options/options.ts";
import { observerOf } from "../options/policy-options.ts";
import { type BulkheadPlan, withPlan } from "../pipeline/plan.ts";
import { type BulkheadOptions, type BulkheadSettings, bulkheadSettings } from "./bulkhead-options.ts";
import { CoDel } from "./codel.ts";
import { Compartment, type Permit, type WaitTimes } from "./compartment.ts";
import { leftWaiting } from "./left-waiting.ts";
import { type RejectionCounts, Rejections } from "./rejections.ts";
import { WaitQueue } from "./wait-queue.ts";
import { type WaitingRoom, waitTurn } from "./wait-turn.ts";

/** What may change while calls run and wait. */
export interface BulkheadChange {
  readonly limit?: number | undefined;
  readonly queue?: BulkheadQueueChange | undefined;
  readonly retryAfter?: Duration | undefined;
}

interface BulkheadQueueChange {
  readonly maxWaiting?: number | undefined;
  readonly timeout?: Duration | undefined;
}

/** Plain JSON. */
export interface BulkheadSnapshot {
  readonly kind: "bulkhead";
  readonly name: string | undefined;
  readonly limit: number;
  /** Slots taken, those of work that outlived its caller included. */
  readonly inUse: number;
  /** Slots held only by work that goes on although its caller has been answered. */
  readonly outliving: number;
  readonly waiting: number;
  readonly maxWaiting: number;
  /** How long the one has waited that waits longest; 0 when nobody waits. */
  readonly oldestWaitMs: number;
  /** Of those who were let in from the queue since the start. */
  readonly waits: WaitTimes;
  /** Calls turned away since the start, at the door or out of the queue. */
  readonly rejected: number;
  readonly rejectedBy: RejectionCounts;
  /** Calls that were aborted while they waited, since the start. */
  readonly aborted: number;
}

export type Bulkhead = Policy & {
  snapshot(): BulkheadSnapshot;
  /** `(inUse + waiting) / limit`: 1 when every slot is taken, more when calls wait. */
  utilisation(): number;
  /**
   * Changes what is given and keeps the rest, what runs and who waits; `undefined` stands for the default. A higher limit lets in who waits at once; a lower one
   * lets in nobody until enough have ended. A new timeout is for who comes to wait from now on.
   *
   * @throws RangeError or TypeError that names the option, its value and the fix; nothing has changed then.
   */
  reconfigure(change: BulkheadChange): void;
};

/**
 * Lets at most `limit` calls run at a time; of the rest, a bounded number waits for a bounded time.
 *
 * A slot is held until the call truly ends, also when its caller has already gone. A slot that is given back goes
 * straight to who is next in the queue, so nobody who comes later overtakes. Who is aborted while waiting gives
 * up the place at once. While it waits a call's effect is `none`.
 *
 * @param options - The limit alone, or an object. Range of the limit: integer >= 1.
 * @throws {@link Failure} with effect `none`, kind `rejected` and `retryAfterMs`: `LIMIT_REACHED` without a queue,
 * `QUEUE_FULL` at the door or when displaced, `QUEUE_TIMEOUT` after waiting, `QUEUE_OVERLOADED` by controlled
 * delay, `WAIT_PAST_DEADLINE` when the queue is so slow that the deadline would pass, `DEADLINE_EXCEEDED` when it
 * has.
 */
export function bulkhead(options: number | BulkheadOptions): Bulkhead {
  let given: BulkheadOptions = limitOptions("bulkhead", options);
  let settings = bulkheadSettings(given);
  const observer = observerOf("bulkhead", given);
  const compartment = compartmentOf(settings);
  const rejections = new Rejections(observer, compartment, settings.retryAfterMs);
  let aborted = 0;
  const room: WaitingRoom = {
    compartment,
    rejections,
    observer,
    aborted: () => {
      aborted += 1;
    },
  };
  /** That of whoever came to wait last: the waiters' times are on it. */
  let clock: Clock = systemClock;

  /** The call has settled; its slot is free once nothing is left running behind it. */
  const giveBack = (permit: Permit, context: CallContext): void => {
    compartment.outlive(permit);
    // The clock is read only while somebody waits: otherwise the time does not matter.
    context.whenWorkEnds(() => compartment.release(permit, compartment.waiting === 0 ? 0 : clock.now()));
  };

  const run = <I, O>(next: Call<I, O>, input: I, context: CallContext, permit: Permit): Promise<O> =>
    invoke(next, input, context).then(
      (value) => {
        giveBack(permit, context);
        return value;
      },
      (error: unknown) => {
        giveBack(permit, context);
        throw error;
      },
    );

  const policy: Policy = <I, O>(next: Call<I, O>): Call<I, O> => {
    return (input, context) => {
      if (context.abortReason !== undefined) return Promise.reject(leftWaiting(context.abortReason));
      const permit = compartment.enter();
      if (permit !== undefined) return run(next, input, context, permit);
      if (settings.queue === undefined) return Promise.reject(rejections.limitReached(context));
      clock = context.clock;
      return waitTurn(room, settings.queue, input, context).then((turn) => {
        turn.begin();
        if (context.abortReason === undefined) return run(next, input, context, turn.permit);
        // Aborted between the hand-over and now.
        compartment.release(turn.permit, clock.now());
        throw leftWaiting(context.abortReason);
      });
    };
  };

  return Object.assign(withPlan(policy, planFor(settings, observer.name)), {
    snapshot: (): BulkheadSnapshot => ({
      kind: "bulkhead",
      name: observer.name,
      limit: compartment.limit,
      inUse: compartment.inUse,
      outliving: compartment.outliving,
      waiting: compartment.waiting,
      maxWaiting: compartment.maxWaiting,
      oldestWaitMs: compartment.oldest === undefined ? 0 : clock.now() - compartment.oldest.sinceMs,
      waits: compartment.waits,
      rejected: rejections.total,
      rejectedBy: rejections.counts,
      aborted,
    }),
    utilisation: () => (compartment.inUse + compartment.waiting) / compartment.limit,
    reconfigure(change: BulkheadChange) {
      const merged = changed(given, change);
      settings = bulkheadSettings(merged);
      given = merged;
      rejections.retryAfterMs = settings.retryAfterMs;
      withPlan(policy, planFor(settings, observer.name));
      compartment.resize(settings.limit, settings.queue?.maxWaiting ?? 0, clock.now());
    },
  });
}

function compartmentOf({ limit, queue }: BulkheadSettings): Compartment {
  return new Compartment({
    limit,
    queue: queue === undefined ? undefined : new WaitQueue(queue),
    maxWaiting: queue?.maxWaiting ?? 0,
    newestFirst: queue?.order === "lifo",
    codel: queue?.codel === undefined ? undefined : new CoDel(queue.codel),
    newestFirstWhileDropping: queue?.codel?.newestFirst === true,
  });
}

function planFor({ limit, queue, retryAfterMs }: BulkheadSettings, name: string | undefined): BulkheadPlan {
  return {
    kind: "bulkhead",
    limit,
    maxWaiting: queue?.maxWaiting ?? 0,
    queueTimeoutMs: queue?.timeoutMs,
    retryAfterMs,
    name,
  };
}

function changed(given: BulkheadOptions, change: BulkheadChange): BulkheadOptions {
  assertOptions("bulkhead", change, ["limit", "queue", "retryAfter"]);
  if (change.queue === undefined) return { ...given, ...change, queue: given.queue } as BulkheadOptions;
  assertOptions("bulkhead.queue", change.queue, ["maxWaiting", "timeout"]);
  if (given.queue === undefined) {
    throw new TypeError("bulkhead.queue cannot be changed, because the bulkhead was made without a queue");
  }
  // What is required and missing now is refused with the rest of the settings.
  return { ...given, ...change, queue: { ...given.queue, ...change.queue } } as BulkheadOptions;
}
