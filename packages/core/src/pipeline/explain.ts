import type { Policy } from "../context/call.ts";
import { durationText } from "../duration/duration.ts";
import { flattened } from "./fuse.ts";
import { type PlannedBudget, type PolicyPlan, planOf } from "./plan.ts";

/** The worst that one call through a policy can cost. Plain JSON, but for `Infinity`. */
export interface Explanation {
  /** Calls to the other side, the first one included. */
  readonly maxCalls: number;
  /** Until the caller is answered; `Infinity` where nothing bounds it. */
  readonly maxMs: number;
  /** Calls to the other side for each call of ours, in the long run, when every one fails. */
  readonly loadFactor: number;
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
  const { maxCalls, maxMs, loadFactor } = cost;
  const calls = `at most ${maxCalls} ${maxCalls === 1 ? "call" : "calls"}`;
  const time = maxMs === Number.POSITIVE_INFINITY ? "as long as the call takes" : durationText(maxMs);
  const sum = `${calls}, ${time}, ${Number(loadFactor.toFixed(2))} times the load`;
  return {
    maxCalls,
    maxMs,
    loadFactor,
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

  /** @returns the reason. */
  around(plan: PolicyPlan | undefined): string {
    const who = plan === undefined ? "a policy without a plan" : titleOf(plan);
    if (plan === undefined) {
      this.isKnown = false;
      return `${who}: not known`;
    }
    switch (plan.kind) {
      case "deadline":
        this.maxMs = Math.min(this.maxMs, plan.totalMs);
        return `${who}: everything inside together takes at most ${durationText(plan.totalMs)}`;
      case "attemptTimeout":
        if (plan.timeoutMs === undefined) return `${who}: follows the observed latency`;
        this.maxMs = Math.min(this.maxMs, plan.timeoutMs);
        return `${who}: an attempt takes at most ${durationText(plan.timeoutMs)}`;
      case "retry": {
        let waitsMs = 0;
        for (let retry = 1; retry <= plan.maxRetries; retry += 1) waitsMs += plan.backoffCeilingsMs(retry);
        this.maxMs = this.maxMs * (plan.maxRetries + 1) + waitsMs;
        this.#multiply(plan.maxRetries + 1, plan.budget);
        return (
          `${who}: ${counted(plan.maxRetries + 1, "attempt")} with at most ${durationText(waitsMs)} of waits ` +
          `between them (longer where the other side asks for it)${inBudget(plan.budget)}`
        );
      }
      case "hedge":
        this.maxMs += plan.maxHedges * (plan.delayMs ?? 0);
        this.#multiply(plan.maxHedges + 1, plan.budget);
        return (
          `${who}: ${counted(plan.maxHedges, "more call")}, each sent when the ones before have not answered ` +
          `${plan.delayMs === undefined ? "as soon as usual" : `within ${durationText(plan.delayMs)}`}${inBudget(plan.budget)}`
        );
      case "gate":
        return `${who}: turns calls away at once${plan.limit === undefined ? "" : `, over ${plan.limit} at a time`}`;
      case "bulkhead":
        if (plan.maxWaiting > 0) this.maxMs += plan.queueTimeoutMs ?? Number.POSITIVE_INFINITY;
        return `${who}: ${plan.limit} at a time, ${plan.maxWaiting} may wait${
          plan.queueTimeoutMs === undefined || plan.maxWaiting === 0
            ? ""
            : ` for at most ${durationText(plan.queueTimeoutMs)}`
        }`;
      case "failWhen":
        return `${who}: some results count as failures`;
      case "pipeline":
        return who;
      default:
        if (plan.addsMs !== undefined) this.maxMs += plan.addsMs;
        else this.isKnown = false;
        return plan.addsMs === undefined
          ? `${who}: may add calls and time that are not known here`
          : `${who}: adds at most ${durationText(plan.addsMs)}`;
    }
  }

  #multiply(factor: number, budget: PlannedBudget | undefined): void {
    this.maxCalls *= factor;
    if (budget === undefined) this.#unbudgeted *= factor;
    else this.#budgets.add(budget);
  }
}

function titleOf(plan: PolicyPlan): string {
  const kind = plan.kind === "gate" ? plan.policy : plan.kind;
  return plan.name === undefined ? kind : `${kind} ${JSON.stringify(plan.name)}`;
}

function counted(count: number, what: string): string {
  return `${count} ${what}${count === 1 ? "" : "s"}`;
}

function inBudget(budget: PlannedBudget | undefined): string {
  return budget === undefined ? "" : `, all calls together at most ${Math.round(budget.ratio * 100)} % more`;
}
