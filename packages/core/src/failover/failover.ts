import { budgetAt, type LoadBudget, type Reservation } from "../budget/load-budget.ts";
import { type Call, invoke } from "../context/call.ts";
import type { CallContext } from "../context/call-context.ts";
import { show } from "../duration/duration.ts";
import type { FailoverRefused } from "../events/policy-event.ts";
import { type Effect, verdictOf, worseEffect } from "../failure/failure.ts";
import { assertObject, assertOptions, nonEmptyString } from "../options/options.ts";
import { functionAt, observerOf, type PolicyOptions, policyOptionKeys } from "../options/policy-options.ts";
import { carrying } from "../retry/carrying.ts";

/** One of several ways to get the same thing done. */
export interface FailoverTarget<I, O> {
  /** Stands in events and the snapshot. */
  readonly name: string;
  /** With policies of its own: each provider has its own breaker, limit and retry. */
  readonly call: Call<I, O>;
}

export interface FailoverOptions extends PolicyOptions {
  /** Bounds how many calls are sent to the next after one was sent to the one before. @defaultValue none */
  readonly budget?: LoadBudget | undefined;
  /**
   * Also goes on when an idempotent call may have taken effect. Only for reads: another provider does not honour
   * the first one's idempotency key, and two of them would both charge.
   *
   * @defaultValue false
   */
  readonly acceptUnknown?: boolean | undefined;
}

/** - `acceptUnknown` off: asking a second provider after "maybe" is how a customer is charged twice. */
export const failoverDefaults: { readonly acceptUnknown: boolean } = { acceptUnknown: false };

/** Plain JSON. */
export interface FailoverSnapshot {
  readonly kind: "failover";
  readonly name: string | undefined;
  /** Since the start: calls that each one was given, and those that it answered. */
  readonly targets: readonly { readonly name: string; readonly tried: number; readonly answered: number }[];
}

/** What may change while calls run. */
export interface FailoverChange<I, O> extends Omit<FailoverOptions, keyof PolicyOptions> {
  /** Other targets, or the same in another order. A target counts on under its name. */
  readonly targets?: readonly FailoverTarget<I, O>[] | undefined;
}

export type Failover<I, O> = Call<I, O> & {
  snapshot(): FailoverSnapshot;
  /**
   * Changes what is given for calls that begin from now on, and keeps the rest and the counts; `undefined` stands for
   * the default. A call that runs goes on with the targets and the rules that it began with.
   *
   * @throws TypeError or RangeError as at construction; nothing has changed then.
   */
  reconfigure(change: FailoverChange<I, O>): void;
};

/**
 * Tries several calls in their order until one answers, all inside the call's one deadline.
 *
 * The next one is tried only when all before it certainly had no effect: they were turned away by an open circuit,
 * a full limit or a refused connection. A refusal (a declined card) is an answer and ends it; so does an abort.
 * A budget is asked only for calls that follow one which went out: after a rejection by our own policies nothing
 * has been sent, so switching away from a provider whose circuit is open costs nothing.
 *
 * @throws what the last one threw; the effect is the worst of all.
 */
export function failover<I, O>(
  targets: readonly FailoverTarget<I, O>[],
  options: FailoverOptions = {},
): Failover<I, O> {
  assertOptions("failover", options, [...ruleKeys, ...policyOptionKeys]);
  const { name, emit } = observerOf("failover", options);
  let given: FailoverOptions = { ...options };
  let rules = rulesOf(given);
  let known = targetsOf("failover", targets);
  const counts = new Map<string, Counts>(known.map((target) => [target.name, { tried: 0, answered: 0 }]));
  const countOf = (target: string): Counts => {
    const count = counts.get(target) ?? { tried: 0, answered: 0 };
    counts.set(target, count);
    return count;
  };

  const run = async (input: I, context: CallContext): Promise<O> => {
    const { operation } = context;
    // Those of this call, whatever changes while it runs.
    const { budget, acceptUnknown } = rules;
    const mine = known;
    if (context.abortReason !== undefined) throw context.abortReason;
    if (budget !== undefined && context.countedIn !== budget) {
      context.countedIn = budget;
      budget.began(context.clock.now());
    }
    let worst: Effect = "none";
    let reservation: Reservation | undefined;
    for (let index = 0; ; index += 1) {
      const target = mine[index] as FailoverTarget<I, O>;
      const count = countOf(target.name);
      const part = context.child();
      count.tried += 1;
      try {
        const value = await invoke(target.call, input, part);
        count.answered += 1;
        budget?.succeeded?.();
        return value;
      } catch (error) {
        const { kind, effect, transient } = verdictOf(error);
        worst = worseEffect(worst, effect);
        context.record(worst);
        const sent = !(kind === "rejected" && effect === "none");
        if (!sent) reservation?.refund();
        if (kind === "failed" && transient) budget?.failed?.();
        const ends = kind === "refused" || kind === "aborted" || context.abortReason !== undefined;
        if (ends) throw carrying(error, worst);
        const next = mine[index + 1];
        const why = whyNot(worst, acceptUnknown, next, context);
        reservation = why === undefined && sent ? budget?.reserve(context.clock.now()) : undefined;
        const refused = why ?? (sent && budget !== undefined && !reservation ? "budgetExhausted" : undefined);
        if (refused !== undefined || next === undefined) {
          const from = target.name;
          emit?.({ type: "failoverRefused", name, operation, from, why: refused ?? "usedUp", error });
          throw carrying(error, worst);
        }
        emit?.({ type: "failedOver", name, operation, from: target.name, to: next.name, error });
      } finally {
        part.end();
      }
    }
  };
  return Object.assign(run, {
    snapshot: (): FailoverSnapshot => ({
      kind: "failover",
      name,
      targets: known.map((target) => ({ name: target.name, ...countOf(target.name) })),
    }),
    reconfigure(change: FailoverChange<I, O>): void {
      assertOptions("failover", change, [...ruleKeys, "targets"]);
      const { targets: others, ...changes } = change;
      const next = { ...given, ...changes };
      const nextRules = rulesOf(next);
      if (others !== undefined) known = targetsOf("failover.targets", others);
      given = next;
      rules = nextRules;
    },
  });
}

interface Counts {
  tried: number;
  answered: number;
}

const ruleKeys = ["budget", "acceptUnknown"];

interface FailoverRules {
  readonly budget: LoadBudget | undefined;
  readonly acceptUnknown: boolean;
}

function rulesOf(options: FailoverOptions): FailoverRules {
  const { budget, acceptUnknown = failoverDefaults.acceptUnknown } = options;
  if (typeof acceptUnknown !== "boolean") {
    throw new TypeError(`failover.acceptUnknown must be true or false; got ${show(acceptUnknown)}`);
  }
  if (budget !== undefined) budgetAt("failover.budget", budget);
  return { budget, acceptUnknown };
}

function whyNot(
  worst: Effect,
  acceptUnknown: boolean,
  next: unknown,
  context: CallContext,
): FailoverRefused["why"] | undefined {
  if (next === undefined) return "usedUp";
  if (!(worst === "none" || (worst === "unknown" && acceptUnknown && context.idempotent))) return "notSafe";
  return context.leftMs > 0 ? undefined : "pastDeadline";
}

function targetsOf<I, O>(
  at: string,
  value: readonly FailoverTarget<I, O>[],
): readonly FailoverTarget<I, O>[] {
  if (!Array.isArray(value) || value.length === 0) {
    throw new TypeError(`${at} needs an array of at least one target; got ${show(value)}`);
  }
  const names = new Set<string>();
  for (const [index, target] of value.entries()) {
    const path = `${at}[${index}]`;
    assertObject(path, target);
    assertOptions(path, target, ["name", "call"]);
    const name = nonEmptyString(`${path}.name`, target.name);
    functionAt(`${path}.call`, target.call);
    if (names.has(name)) throw new RangeError(`${path}.name must differ from the others; got ${show(name)}`);
    names.add(name);
  }
  // Copies: what the caller changes in its own objects afterwards changes nothing here.
  return value.map((target) => ({ ...target }));
}
