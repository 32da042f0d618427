import { type Call, invoke, type Policy } from "../context/call.ts";
import type { CallContext } from "../context/call-context.ts";
import { show } from "../duration/duration.ts";
import type { FallbackRefused } from "../events/policy-event.ts";
import { type Effect, Failure, type Verdict, verdictOf } from "../failure/failure.ts";
import { assertObject, assertOptions } from "../options/options.ts";
import { functionAt, observerOf, type PolicyOptions, policyOptionKeys } from "../options/policy-options.ts";
import { yesOrNo } from "../options/user-functions.ts";
import { withPlan } from "../pipeline/plan.ts";
import { carrying } from "../retry/carrying.ts";

/** What a fallback handler is told. */
export interface FailedCall {
  readonly error: unknown;
  readonly verdict: Verdict;
  /** What the call may have done on the other side. */
  readonly effect: Effect;
  readonly input: unknown;
  readonly context: CallContext;
}

export interface FallbackOptions extends PolicyOptions {
  /**
   * Which failures the fallback answers for. One that throws, or answers anything but `true`, says no.
   *
   * @defaultValue failures of the other side and rejections by our own policies; a refusal is an answer already
   */
  readonly when?: ((verdict: Verdict, error: unknown, context: CallContext) => boolean) | undefined;
  /**
   * Also hides a failure after which the call may have taken effect (`unknown`) or did (`done`). Only where
   * somebody else finds out and puts it right, or where it does not matter.
   *
   * @defaultValue false
   */
  readonly acceptUnknown?: boolean | undefined;
}

/** - `acceptUnknown` off: an answer that hides "maybe charged" is how customers are charged twice. */
export const fallbackDefaults: { readonly acceptUnknown: boolean } = { acceptUnknown: false };

/** Plain JSON. */
export interface FallbackSnapshot {
  readonly kind: "fallback";
  readonly name: string | undefined;
  /** Since the start. */
  readonly used: number;
  readonly refused: number;
}

/** What may change while calls run. */
export interface FallbackChange<T = unknown> extends Omit<FallbackOptions, keyof PolicyOptions> {
  /** In place of the one that was given; `undefined` is an answer as well. */
  readonly answer?: T | ((failed: FailedCall) => T | Promise<T>);
}

export type Fallback = Policy & {
  snapshot(): FallbackSnapshot;
  /**
   * Changes what is given for calls that fail from now on, and keeps the rest and the counts; `undefined` stands for
   * the default.
   *
   * @throws TypeError as at construction; nothing has changed then.
   */
  reconfigure(change: FallbackChange): void;
};

/**
 * Answers with something else when the call fails: a value, or what the handler makes of the failure.
 *
 * Never hidden: a programmer's mistake, an abort by the caller, and, unless `acceptUnknown` says so, a call that
 * may have taken effect. Reads never have one, so their failures pass.
 *
 * @param answer - A value, or a function that is told of the failure. Must fit what the calls answer; the compiler
 * cannot see that.
 * @throws what the call threw where the fallback does not answer, or what the handler threw, with the effect of
 * the call where that is worse.
 */
export function fallback<T>(
  answer: T | ((failed: FailedCall) => T | Promise<T>),
  options: FallbackOptions = {},
): Fallback {
  assertOptions("fallback", options, [...ruleKeys, ...policyOptionKeys]);
  const { name, emit } = observerOf("fallback", options);
  let given: FallbackOptions = { ...options };
  let rules = rulesOf(given);
  let answers: unknown = answer;
  const handler: Call<FailedCall, unknown> = async (failed) =>
    isHandler(answers) ? await answers(failed) : answers;
  const counts = { used: 0, refused: 0 };

  const insteadOf = (failed: FailedCall): Promise<unknown> => {
    const { error, effect, verdict } = failed;
    const { operation } = failed.context;
    if (!isWanted(rules.when, failed)) throw error;
    const why = whyNot(error, verdict, rules.acceptUnknown);
    if (why !== undefined) {
      counts.refused += 1;
      emit?.({ type: "fallbackRefused", name, operation, why, effect, error });
      throw error;
    }
    counts.used += 1;
    emit?.({ type: "fallbackUsed", name, operation, effect, error });
    return invoke(handler, failed, failed.context).catch((inHandler: unknown) => {
      throw carrying(inHandler, effect);
    });
  };

  const policy: Policy = <I, O>(next: Call<I, O>): Call<I, O> => {
    return (input, context) =>
      invoke(next, input, context).catch((error: unknown) => {
        const verdict = verdictOf(error);
        // Its type is the user's promise, see `answer`.
        return insteadOf({ error, verdict, effect: verdict.effect, input, context }) as Promise<never>;
      });
  };
  const snapshot = (): FallbackSnapshot => ({ kind: "fallback", name, ...counts });
  const reconfigure = (change: FallbackChange): void => {
    assertObject("fallback", change);
    const { answer: next, ...others } = change;
    // Not the answer: any value is one, null and undefined too.
    assertOptions("fallback", others, ruleKeys);
    const changed = { ...given, ...others };
    rules = rulesOf(changed);
    given = changed;
    if ("answer" in change) answers = next;
  };
  return withPlan(Object.assign(policy, { snapshot, reconfigure }), {
    kind: "fallback",
    name,
    get handled() {
      return isHandler(answers);
    },
  });
}

const ruleKeys = ["when", "acceptUnknown"];

interface FallbackRules {
  readonly when: FallbackOptions["when"];
  readonly acceptUnknown: boolean;
}

function rulesOf({ when, acceptUnknown = fallbackDefaults.acceptUnknown }: FallbackOptions): FallbackRules {
  if (when !== undefined) functionAt("fallback.when", when);
  if (typeof acceptUnknown !== "boolean") {
    throw new TypeError(`fallback.acceptUnknown must be true or false; got ${show(acceptUnknown)}`);
  }
  return { when, acceptUnknown };
}

function isHandler(answer: unknown): answer is (failed: FailedCall) => unknown {
  return typeof answer === "function";
}

function isWanted(when: FallbackOptions["when"], { verdict, error, context }: FailedCall): boolean {
  // Whoever went away reads no answer; and after an abort from further out, the answer is decided there.
  if (verdict.kind === "aborted" || context.abortReason !== undefined) return false;
  if (when === undefined) return verdict.kind === "failed" || verdict.kind === "rejected";
  return yesOrNo(when, verdict, error, context) === true;
}

function whyNot(
  error: unknown,
  verdict: Verdict,
  acceptUnknown: boolean,
): FallbackRefused["why"] | undefined {
  // Of errors without facts, only a mistake is one that no repetition mends.
  if (!Failure.is(error) && !verdict.transient) return "mistake";
  return verdict.effect === "none" || acceptUnknown ? undefined : "effectUnknown";
}
