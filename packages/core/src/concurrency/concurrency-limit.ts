import type { Policy } from "../context/call.ts";
import { type Duration, durationMs, durationText } from "../duration/duration.ts";
import { coreFailureCodes, type Failure } from "../failure/failure.ts";
import { rejection } from "../failure/rejection.ts";
import { assertKnownKeys, integerIn } from "../options/options.ts";
import {
  type Observer,
  observerOf,
  type PolicyOptions,
  policyOptionKeys,
} from "../options/policy-options.ts";
import { type Gate, gatePolicy } from "../pipeline/gate.ts";

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
  const retryAfterMs = durationMs(
    "concurrency.retryAfter",
    given.retryAfter ?? concurrencyDefaults.retryAfter,
    { minMs: 0 },
  );

  const gate = new LimitGate(
    integerIn("concurrency.limit", given.limit, 1),
    retryAfterMs,
    observerOf("concurrency", given),
  );
  const policy = gatePolicy(gate, {
    kind: "gate",
    policy: "concurrencyLimit",
    name: given.name,
    limit: given.limit,
  });
  return Object.assign(policy, { snapshot: () => gate.snapshot() });
}

class LimitGate implements Gate {
  readonly #limit: number;
  readonly #retryAfterMs: number;
  readonly #observer: Observer;
  #inUse = 0;
  #outliving = 0;
  #rejected = 0;

  constructor(limit: number, retryAfterMs: number, observer: Observer) {
    this.#limit = limit;
    this.#retryAfterMs = retryAfterMs;
    this.#observer = observer;
  }

  admit(): number {
    if (this.#inUse >= this.#limit) return -1;
    this.#inUse += 1;
    return 0;
  }

  rejection(): Failure {
    this.#rejected += 1;
    const limit = this.#limit;
    const retryAfterMs = this.#retryAfterMs;
    const { name, emit } = this.#observer;
    emit?.({ type: "limitReached", name, limit, retryAfterMs });
    const whose = name === undefined ? "" : ` of ${name}`;
    return rejection(
      () => `the concurrency limit${whose} (${limit}) is reached; try again in ${durationText(retryAfterMs)}`,
      { code: coreFailureCodes.limitReached, retryAfterMs },
    );
  }

  settle(): void {
    this.#outliving += 1;
  }

  workEnded(): void {
    this.#outliving -= 1;
    this.#inUse -= 1;
  }

  snapshot(): ConcurrencySnapshot {
    return {
      limit: this.#limit,
      inUse: this.#inUse,
      outliving: this.#outliving,
      rejected: this.#rejected,
    };
  }
}
