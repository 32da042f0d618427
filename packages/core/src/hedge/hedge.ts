import { budgetAt, type LoadBudget } from "../budget/load-budget.ts";
import type { Call, Policy } from "../context/call.ts";
import { type Duration, durationMs, show } from "../duration/duration.ts";
import { LatencyEstimate } from "../latency/latency-estimate.ts";
import { assertOptions, integerIn } from "../options/options.ts";
import { observerOf, type PolicyOptions, policyOptionKeys } from "../options/policy-options.ts";
import { withPlan } from "../pipeline/plan.ts";
import { HedgeRace, type HedgeRules } from "./hedge-race.ts";

export interface HedgeOptions extends PolicyOptions {
  /** How long to wait for an answer before the next call is sent. Not with `percentile`. */
  readonly delay?: Duration | undefined;
  /**
   * Waits as long as this share of the calls takes. Range: 0.5 to 0.999.
   *
   * @defaultValue 0.95, where no `delay` is given
   */
  readonly percentile?: number | undefined;
  /** With `percentile`: waits at least this long. @defaultValue "1ms" */
  readonly minDelay?: Duration | undefined;
  /** Calls beyond the first. Range: integer, 1 to 10. @defaultValue 1 */
  readonly maxHedges?: number | undefined;
  /** Bounds what hedges add to the load; share it with the retries of the same service. */
  readonly budget: LoadBudget;
}

/**
 * - `percentile` 0.95: one call in twenty is doubled, and the slowest ones gain most (Dean and Barroso, "The Tail
 *   at Scale", CACM 2013).
 * - `maxHedges` 1: where two calls are slow, a third one mostly meets the same cause.
 * - `minDelay` 1 ms: below that the answer may be on its way already.
 */
export const hedgeDefaults: {
  readonly percentile: number;
  readonly maxHedges: number;
  readonly minDelay: Duration;
} = { percentile: 0.95, maxHedges: 1, minDelay: "1ms" };

/** A 95th percentile of fewer calls rests on less than five of them. Until then nothing is hedged. */
const minimumCalls = 100;
/** Latencies of the last one to two windows decide. */
const windowMs = 30_000;

/** Plain JSON. */
export interface HedgeSnapshot {
  readonly kind: "hedge";
  readonly name: string | undefined;
  readonly maxHedges: number;
  /** Null while too few calls have been seen to tell. */
  readonly delayMs: number | null;
  /** Since the start. */
  readonly calls: number;
  readonly started: number;
  readonly refused: number;
  readonly won: number;
}

/** What may change while calls run. */
export type HedgeChange = Pick<HedgeOptions, "delay" | "percentile" | "minDelay" | "maxHedges">;

export type Hedge = Policy & {
  snapshot(): HedgeSnapshot;
  /**
   * Changes what is given and keeps the rest, counts, observed latencies and calls that are out; `undefined` stands
   * for the default. A `delay` takes the place of `percentile` and `minDelay`, and either of these that of a `delay`.
   *
   * @throws RangeError or TypeError as at construction; nothing has changed then.
   */
  reconfigure(change: HedgeChange): void;
};

/**
 * Sends a call once more when its answer takes unusually long, and takes whichever answer comes first.
 *
 * Only idempotent calls; others pass through unchanged. The first success or refusal is the answer. A failure is
 * none while another call is still out, and when it is the last one out it ends the call at once: trying again
 * after a failure is the retry's work. Calls that are no longer needed are told to stop; that is an abort, which
 * no policy inside takes for a failure, and what they end with later is nobody's unhandled rejection.
 *
 * Latencies are counted from the calls that answered. Those that were told to stop count as "at least so long",
 * so that hedging does not hide the slow calls from itself and draw the delay ever nearer.
 *
 * @throws what the last call threw; the effect is the worst of all.
 */
export function hedge(options: HedgeOptions): Hedge {
  assertOptions("hedge", options, [...tunable, "budget", ...policyOptionKeys]);
  const { budget } = options;
  if (budget === undefined) {
    throw new TypeError(
      "hedge.budget is required, or a slow service would get double the load: loadBudget()",
    );
  }
  budgetAt("hedge.budget", budget);
  const observer = observerOf("hedge", options);
  const { name } = observer;
  const latency = new LatencyEstimate(windowMs, (histogram, nowMs) =>
    delay.fixedMs !== undefined || histogram.size(nowMs) < minimumCalls
      ? Number.POSITIVE_INFINITY
      : Math.max(delay.minMs, histogram.quantileMs(delay.percentile, nowMs)),
  );
  let given: HedgeChange = { ...options };
  let delay = delayOf(given);
  const counts = { calls: 0, started: 0, refused: 0, won: 0 };
  const rulesOf = (value: unknown): HedgeRules => {
    const maxHedges = integerIn("hedge.maxHedges", value, 1, 10);
    // Where the delay is fixed nobody asks how long calls take.
    return {
      maxHedges,
      budget,
      latency: delay.fixedMs === undefined ? latency : undefined,
      observer,
      counts,
    };
  };
  let rules = rulesOf(options.maxHedges ?? hedgeDefaults.maxHedges);

  const policy: Policy = <I, O>(next: Call<I, O>): Call<I, O> => {
    return (input, context) => {
      if (!context.idempotent) return next(input, context);
      if (context.abortReason !== undefined) return Promise.reject(context.abortReason);
      const nowMs = context.clock.now();
      if (context.countedIn !== budget) {
        context.countedIn = budget;
        budget.began(nowMs);
      }
      counts.calls += 1;
      const delayMs = delay.fixedMs ?? latency.figureMs(nowMs);
      return new HedgeRace(next, input, context, delayMs, rules).answer;
    };
  };

  const snapshot = (): HedgeSnapshot => {
    const delayMs = delay.fixedMs ?? latency.latest.figureMs;
    const { maxHedges } = rules;
    return { kind: "hedge", name, maxHedges, delayMs: Number.isFinite(delayMs) ? delayMs : null, ...counts };
  };
  const reconfigure: Hedge["reconfigure"] = (changes) => {
    assertOptions("hedge", changes, tunable);
    const next = changedRules(given, changes);
    const nextDelay = delayOf(next);
    const maxHedges = integerIn("hedge.maxHedges", next.maxHedges ?? hedgeDefaults.maxHedges, 1, 10);
    given = next;
    delay = nextDelay;
    rules = rulesOf(maxHedges);
    latency.change();
  };
  return withPlan(Object.assign(policy, { snapshot, reconfigure }), {
    kind: "hedge",
    name,
    get maxHedges() {
      return rules.maxHedges;
    },
    get delayMs() {
      return delay.fixedMs;
    },
    get percentile() {
      return delay.fixedMs === undefined ? delay.percentile : undefined;
    },
    budget,
  });
}

const tunable = ["delay", "percentile", "minDelay", "maxHedges"];

function changedRules(given: HedgeChange, change: HedgeChange): HedgeChange {
  const { delay, percentile, minDelay } = change;
  const fixed = delay !== undefined ? { percentile: undefined, minDelay: undefined } : {};
  const observed = percentile !== undefined || minDelay !== undefined ? { delay: undefined } : {};
  return { ...given, ...fixed, ...observed, ...change };
}

function isPercentile(value: unknown): value is number {
  return typeof value === "number" && value >= 0.5 && value <= 0.999;
}

type Delay =
  | { readonly fixedMs: number }
  | { readonly fixedMs: undefined; readonly percentile: number; readonly minMs: number };

function delayOf(options: Pick<HedgeOptions, "delay" | "percentile" | "minDelay">): Delay {
  const { delay, percentile = hedgeDefaults.percentile } = options;
  if (delay !== undefined) {
    for (const key of ["percentile", "minDelay"] as const) {
      if (options[key] !== undefined) {
        throw new TypeError(
          `hedge.delay and hedge.${key} exclude each other; got ${show(delay)} and ${show(options[key])}: ` +
            "leave one out",
        );
      }
    }
    return { fixedMs: durationMs("hedge.delay", delay, { minMs: 0 }) };
  }
  if (!isPercentile(percentile)) {
    const share = Number(percentile) / 100;
    const hint = isPercentile(share) ? `: write ${share}` : "";
    throw new RangeError(
      `hedge.percentile must be a share between 0.5 and 0.999; got ${show(percentile)}${hint}`,
    );
  }
  const minMs = durationMs("hedge.minDelay", options.minDelay ?? hedgeDefaults.minDelay, { minMs: 0 });
  return { fixedMs: undefined, percentile, minMs };
}
