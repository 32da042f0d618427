import type { Policy } from "../context/call.ts";
import { durationText } from "../duration/duration.ts";
import { flattened } from "./fuse.ts";
import {
  type GatePlan,
  type HedgePlan,
  type PlannedBudget,
  type PlannedRate,
  type PolicyPlan,
  planOf,
  type RetryPlan,
  titleOf,
} from "./plan.ts";

/** The worst that one call through a policy can cost. Plain JSON, but for `Infinity`. */
export interface Explanation {
  /** Calls to the other side, the first one included. */
  readonly maxCalls: number;
  /** Until the caller is answered; `Infinity` where nothing bounds it. */
  readonly maxMs: number;
  /** Calls to the other side for each call of ours, in the long run, when every one fails. */
  readonly loadFactor: number;
  /** Calls a second that budgets allow on top of that, however few calls of ours there are. */
  readonly extraPerSecond: number;
  /** First the sum in words, then a reason for each number, outermost first. */
  readonly lines: readonly string[];
}

/**
 * Works out the worst case of a policy, or of a pipeline of them, and says why: "at most 3 calls, 31 s, 1.2 times
 * the load". Policies that are not known to this package may add to it; the lines name them.
 */
export function explain(policy: Policy): Explanation {
  const cost = new Cost();
  const lines: string[] = [];
  for (const each of flattened([policy]).reverse()) lines.unshift(cost.around(planOf(each)));
  const { maxCalls, maxMs, loadFactor, extraPerSecond } = cost;
  const time = maxMs === Number.POSITIVE_INFINITY ? "as long as the call takes" : durationText(maxMs);
  const load = `${Number(loadFactor.toFixed(2))} times the load${perSecond(extraPerSecond)}`;
  const sum = `at most ${counted(maxCalls, "call")}, ${time}, ${load}`;
  return {
    maxCalls,
    maxMs,
    loadFactor,
    extraPerSecond,
    lines: [cost.isKnown ? sum : `${sum}, without what is not known`, ...lines],
  };
}

/** The cost of a call, to which each policy around it adds. */
class Cost {
  maxCalls = 1;
  maxMs = Number.POSITIVE_INFINITY;
  isKnown = true;
  #unbudgeted = 1;
  /** Policies that share a budget share its room. */
  readonly #budgets = new Set<PlannedBudget>();

  get loadFactor(): number {
    let ratio = 0;
    for (const budget of this.#budgets) ratio += budget.ratio;
    return Math.min(this.maxCalls, this.#unbudgeted * (1 + ratio));
  }

  get extraPerSecond(): number {
    let sum = 0;
    for (const { minPerSecond = 0 } of this.#budgets) sum += minPerSecond;
    return sum;
  }

  /** @returns the reason. */
  around(plan: PolicyPlan | undefined): string {
    if (plan === undefined) return `a policy of your own: ${this.#notKnown()}`;
    return `${titleOf(plan)}: ${this.#reason(plan)}`;
  }

  #reason(plan: PolicyPlan): string {
    switch (plan.kind) {
      case "deadline":
        this.maxMs = Math.min(this.maxMs, plan.totalMs);
        return `everything inside together takes at most ${durationText(plan.totalMs)}`;
      case "attemptTimeout":
        this.maxMs = Math.min(this.maxMs, plan.timeoutMs);
        return (
          `an attempt takes at most ${durationText(plan.timeoutMs)}` +
          (plan.adaptiveMinMs === undefined
            ? ""
            : `, and less once latencies are known, down to ${durationText(plan.adaptiveMinMs)}`)
        );
      case "retry":
        return this.#retried(plan);
      case "hedge":
        return this.#hedged(plan);
      case "gate":
        return gateReason(plan);
      case "bulkhead": {
        const { limit, maxWaiting, queueTimeoutMs } = plan;
        if (maxWaiting === 0 || queueTimeoutMs === undefined) {
          return `turns calls away at once, over ${limit} at a time`;
        }
        this.maxMs += queueTimeoutMs;
        return `${limit} at a time; ${maxWaiting} may wait for at most ${durationText(queueTimeoutMs)}`;
      }
      case "rateLimit":
        this.maxMs += plan.maxWaitMs;
        return `${rateText(plan.rate)}; ${
          plan.maxWaitMs === 0
            ? "turns the others away at once"
            : `the others wait for at most ${durationText(plan.maxWaitMs)}`
        }`;
      case "fallback":
        return plan.handled
          ? `its function answers in place of a failed call, and ${this.#notKnown()}`
          : "answers in place of a failed call, at once";
      case "faultInjection":
        this.maxMs += plan.addsMs;
        return plan.addsMs === Number.POSITIVE_INFINITY
          ? "makes calls hang on purpose while it is enabled"
          : `holds calls up on purpose while it is enabled, for at most ${durationText(plan.addsMs)}`;
      case "failWhen":
        return "some results count as failures";
      case "pipeline":
        return "what is inside";
      case "custom":
        if (plan.addsMs === undefined) return this.#notKnown();
        this.maxMs += plan.addsMs;
        return `adds at most ${durationText(plan.addsMs)}`;
    }
  }

  #retried({ maxRetries, backoffCeilingsMs, budget }: RetryPlan): string {
    const waitsMs = Array.from({ length: maxRetries }, (_, index) => backoffCeilingsMs(index + 1));
    const sumMs = waitsMs.reduce((sum, each) => sum + each, 0);
    this.maxMs = this.maxMs * (maxRetries + 1) + sumMs;
    this.#multiply(maxRetries + 1, budget);
    if (maxRetries === 0) return "1 attempt, because maxRetries is 0";
    return (
      `${counted(maxRetries + 1, "attempt")}, because maxRetries is ${maxRetries}, with at most ` +
      `${durationText(sumMs)} of waits between them (${sumText(waitsMs)}; longer where the other side asks for it)` +
      inBudget(budget)
    );
  }

  #hedged({ maxHedges, delayMs, percentile, budget }: HedgePlan): string {
    // A hedge is sent while the ones before are out, so no wait is longer than a call.
    this.maxMs += maxHedges * Math.min(delayMs ?? Number.POSITIVE_INFINITY, this.maxMs);
    this.#multiply(maxHedges + 1, budget);
    const observed =
      percentile === undefined
        ? "for as long as calls usually take"
        : `for as long as ${Number((percentile * 100).toFixed(1))} % of the calls take`;
    const wait =
      delayMs === undefined
        ? `${observed} (not known here; at most as long as the calls before it)`
        : `for ${durationText(delayMs)}`;
    return (
      `${counted(maxHedges, "more call")}, because maxHedges is ${maxHedges}, each sent when the ones before have ` +
      `not answered ${wait}${inBudget(budget)}`
    );
  }

  #notKnown(): string {
    this.isKnown = false;
    return "may add calls and time that are not known here";
  }

  #multiply(factor: number, budget: PlannedBudget | undefined): void {
    this.maxCalls *= factor;
    if (budget === undefined) this.#unbudgeted *= factor;
    else this.#budgets.add(budget);
  }
}

function gateReason({ policy, limit, minLimit, rate }: GatePlan): string {
  if (rate !== undefined) return `${rateText(rate)}; turns the others away at once`;
  switch (policy) {
    case "circuitBreaker":
    case "keyedBreaker":
      return "turns calls away at once while it is open";
    case "adaptiveThrottle":
      return "turns a share of the calls away while the other side accepts too few";
    case "loadShedding":
      return "turns the less important calls away while there is too much to do";
    default: {
      if (limit === undefined) return "turns calls away at once";
      const most = minLimit === undefined ? `${limit}` : `a limit that it learns, ${minLimit} to ${limit}`;
      return `turns calls away at once, over ${most} at a time`;
    }
  }
}

function rateText({ permits, perMs, burst }: PlannedRate): string {
  return `${counted(permits, "call")} in ${durationText(perMs)}, ${burst} at once after a rest`;
}

function counted(count: number, what: string): string {
  return `${count} ${what}${count === 1 ? "" : "s"}`;
}

/** "500 ms + 1 s + 2 s", and the end of a long sum left out. */
function sumText(waitsMs: readonly number[]): string {
  const shown = waitsMs.slice(0, 4).map(durationText);
  return waitsMs.length > shown.length ? `${shown.join(" + ")} + …` : shown.join(" + ");
}

function inBudget(budget: PlannedBudget | undefined): string {
  if (budget === undefined) return ", and no budget bounds what all calls together add";
  const { ratio, minPerSecond = 0 } = budget;
  const share = `, all calls together at most ${Number((ratio * 100).toFixed(1))} % more`;
  return `${share}${perSecond(minPerSecond)}, because the budget allows no more`;
}

function perSecond(calls: number): string {
  return calls === 0 ? "" : ` and ${counted(Number(calls.toFixed(2)), "call")} a second`;
}
