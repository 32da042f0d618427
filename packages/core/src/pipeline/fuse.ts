import type { Call, Policy } from "../context/call.ts";
import { Doors } from "./doors.ts";
import type { AttemptTimeoutCore, DeadlineCore, FailWhenPlan, GatePlan, RetryCore } from "./plan.ts";
import { planOf } from "./plan.ts";
import { Run } from "./run.ts";

/** Every policy by itself, outermost first; a pipeline stands for what is in it. */
export function flattened(policies: readonly Policy[]): Policy[] {
  return policies.flatMap((policy) => {
    const plan = planOf(policy);
    return plan?.kind === "pipeline" ? flattened(plan.policies) : [policy];
  });
}

/**
 * The call inside the policies. Neighbours that are known and stand in an order that a run keeps are run as one;
 * around and between them each policy wraps the next.
 */
export function compose<I, O>(policies: readonly Policy[], call: Call<I, O>): Call<I, O> {
  let inner = call;
  let segment: Segment | undefined;
  for (const policy of flattened(policies).reverse()) {
    const part = partOf(policy);
    if (part === undefined) {
      inner = policy(closed(segment, inner));
      segment = undefined;
    } else {
      if (segment !== undefined && !fits(part, segment)) {
        inner = closed(segment, inner);
        segment = undefined;
      }
      segment ??= new Segment();
      segment.add(part);
    }
  }
  return closed(segment, inner);
}

const runKey: unique symbol = Symbol("outrigger.run");

/** The run that a call is, when it is nothing else. */
export function fusedOf<I, O>(call: Call<I, O>): Run<I, O> | undefined {
  return (call as { readonly [runKey]?: Run<I, O> })[runKey];
}

type Part =
  | { readonly rank: 0; readonly core: DeadlineCore }
  | { readonly rank: 1; readonly core: RetryCore }
  | { readonly rank: 2; readonly core: GatePlan }
  | { readonly rank: 3; readonly core: AttemptTimeoutCore }
  | { readonly rank: 4; readonly core: FailWhenPlan["classify"] };

const gateRank = 2;

/** Where in a run the policy stands; undefined for one that wraps by itself. */
function partOf(policy: Policy): Part | undefined {
  const plan = planOf(policy);
  if (plan === undefined) return undefined;
  if (plan.kind === "gate") return { rank: gateRank, core: plan };
  if (plan.kind === "failWhen") return { rank: 4, core: plan.classify };
  if (plan.kind === "deadline" && plan.core !== undefined) return { rank: 0, core: plan.core };
  if (plan.kind === "retry" && plan.core !== undefined) return { rank: 1, core: plan.core };
  if (plan.kind === "attemptTimeout" && plan.core !== undefined) return { rank: 3, core: plan.core };
  return undefined;
}

function fits({ rank }: Part, { outermost }: Segment): boolean {
  return rank < outermost || (rank === gateRank && outermost === gateRank);
}

/** Policies that run as one, gathered from the inside out. */
class Segment {
  outermost = Number.POSITIVE_INFINITY;
  readonly #gates: GatePlan[] = [];
  #deadline: DeadlineCore | undefined;
  #retry: RetryCore | undefined;
  #timeout: AttemptTimeoutCore | undefined;
  #failWhen: FailWhenPlan["classify"] | undefined;

  add(part: Part): void {
    this.outermost = part.rank;
    if (part.rank === 0) this.#deadline = part.core;
    else if (part.rank === 1) this.#retry = part.core;
    else if (part.rank === 2) this.#gates.unshift(part.core);
    else if (part.rank === 3) this.#timeout = part.core;
    else this.#failWhen = part.core;
  }

  around<I, O>(next: Call<I, O>): Call<I, O> {
    const run = new Run<I, O>({
      next,
      deadline: this.#deadline,
      retry: this.#retry,
      doors: new Doors(this.#gates),
      timeout: this.#timeout,
      failWhen: this.#failWhen,
    });
    const call: Call<I, O> = (input, context) => run.beginPart(input, context);
    return Object.assign(call, { [runKey]: run });
  }
}

function closed<I, O>(segment: Segment | undefined, inner: Call<I, O>): Call<I, O> {
  return segment === undefined ? inner : segment.around(inner);
}
