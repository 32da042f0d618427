import type { Policy } from "../context/call.ts";
import type { CallContext } from "../context/call-context.ts";
import { type Duration, durationMs, durationText } from "../duration/duration.ts";
import { coreFailureCodes, type Failure } from "../failure/failure.ts";
import { type Describe, rejection } from "../failure/rejection.ts";
import { assertOptions, integerIn, limitOptions } from "../options/options.ts";
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
export const concurrencyLimitDefaults: { readonly retryAfter: Duration } = { retryAfter: "1s" };

/** Plain JSON. */
export interface ConcurrencyLimitSnapshot {
  readonly kind: "concurrencyLimit";
  readonly name: string | undefined;
  readonly limit: number;
  /** Slots taken, those of work that outlived its caller included. */
  readonly inUse: number;
  /** Slots held only by work that goes on although its caller has been answered. */
  readonly outliving: number;
  /** Calls turned away since the start. */
  readonly rejected: number;
}

export type ConcurrencyLimit = Policy & {
  snapshot(): ConcurrencyLimitSnapshot;
  /**
   * Changes what is given and keeps the rest, and the slots that are taken: a lower limit lets in nobody until enough
   * have ended. `undefined` stands for the default.
   *
   * @throws RangeError or TypeError that names the option, its value and the fix; nothing has changed then.
   */
  reconfigure(change: ConcurrencyLimitChange): void;
};

export type ConcurrencyLimitChange = Partial<Pick<ConcurrencyLimitOptions, "limit" | "retryAfter">>;

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
  const given: ConcurrencyLimitOptions = limitOptions("concurrencyLimit", options);
  assertOptions("concurrencyLimit", given, [...ruleKeys, ...policyOptionKeys]);
  const { name } = given;
  let rules: ConcurrencyLimitChange = { ...given };
  const gate = new LimitGate(rulesOf(given, name), observerOf("concurrencyLimit", given));
  const plan = {
    kind: "gate",
    policy: "concurrencyLimit",
    name,
    // May be changed while calls run.
    get limit(): number {
      return gate.rules.limit;
    },
    get retryAfterMs(): number {
      return gate.rules.rejection.retryAfterMs;
    },
  } as const;
  return Object.assign(gatePolicy(gate, plan), {
    snapshot: () => gate.snapshot(),
    reconfigure(change: ConcurrencyLimitChange): void {
      assertOptions("concurrencyLimit", change, ruleKeys);
      const next = { ...rules, ...change };
      gate.rules = rulesOf(next, name);
      rules = next;
    },
  });
}

const ruleKeys = ["limit", "retryAfter"];

interface LimitRules {
  readonly limit: number;
  /** What every rejection says, made once: a full limit says it thousands of times a second. */
  readonly rejection: { readonly code: string; readonly retryAfterMs: number };
  readonly describe: Describe;
}

function rulesOf(change: ConcurrencyLimitChange, name: string | undefined): LimitRules {
  const limit = integerIn("concurrencyLimit.limit", change.limit, 1);
  const { retryAfter = concurrencyLimitDefaults.retryAfter } = change;
  const retryAfterMs = durationMs("concurrencyLimit.retryAfter", retryAfter, { minMs: 0 });
  const whose = name === undefined ? "" : ` of ${name}`;
  return {
    limit,
    rejection: { code: coreFailureCodes.limitReached, retryAfterMs },
    describe: () =>
      `the concurrency limit${whose} (${limit}) is reached; try again in ${durationText(retryAfterMs)}`,
  };
}

class LimitGate implements Gate {
  rules: LimitRules;
  readonly #observer: Observer;
  #inUse = 0;
  #outliving = 0;
  #rejected = 0;

  constructor(rules: LimitRules, observer: Observer) {
    this.rules = rules;
    this.#observer = observer;
  }

  admit(): number {
    if (this.#inUse >= this.rules.limit) return -1;
    this.#inUse += 1;
    return 0;
  }

  rejection(_nowMs: number, { operation }: CallContext): Failure {
    this.#rejected += 1;
    const { limit, rejection: init, describe } = this.rules;
    const { name, emit } = this.#observer;
    emit?.({
      type: "limitReached",
      name,
      operation,
      code: init.code,
      limit,
      retryAfterMs: init.retryAfterMs,
    });
    return rejection(describe, init);
  }

  settle(): void {
    this.#outliving += 1;
  }

  workEnded(): void {
    this.#outliving -= 1;
    this.#inUse -= 1;
  }

  snapshot(): ConcurrencyLimitSnapshot {
    return {
      kind: "concurrencyLimit",
      name: this.#observer.name,
      limit: this.rules.limit,
      inUse: this.#inUse,
      outliving: this.#outliving,
      rejected: this.#rejected,
    };
  }
}
