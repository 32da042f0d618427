import { type Call, invoke, type Policy } from "../context/call.ts";
import type { CallContext } from "../context/call-context.ts";
import { show } from "../duration/duration.ts";
import type { FallbackRefused } from "../events/policy-event.ts";
import { type Effect, Failure, type Verdict, verdictOf } from "../failure/failure.ts";
import { assertKnownKeys } from "../options/options.ts";
import { functionAt, observerOf, type PolicyOptions, policyOptionKeys } from "../options/policy-options.ts";
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

export type Fallback = Policy & { snapshot(): FallbackSnapshot };

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
  assertKnownKeys("fallback", options, ["when", "acceptUnknown", ...policyOptionKeys]);
  const { when, acceptUnknown = fallbackDefaults.acceptUnknown } = options;
  if (when !== undefined) functionAt("fallback.when", when);
  if (typeof acceptUnknown !== "boolean") {
    throw new TypeError(`fallback.acceptUnknown must be true or false; got ${show(acceptUnknown)}`);
  }
  const { name, emit } = observerOf("fallback", options);
  const handler: Call<FailedCall, T> = async (failed) => (isHandler(answer) ? await answer(failed) : answer);
  const counts = { used: 0, refused: 0 };

  const insteadOf = (failed: FailedCall): Promise<T> => {
    const { error, effect, verdict } = failed;
    const { operation } = failed.context;
    if (!isWanted(when, failed)) throw error;
    const why = whyNot(error, verdict, acceptUnknown);
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
  return withPlan(Object.assign(policy, { snapshot }), {
    kind: "fallback",
    name,
    handled: isHandler(answer),
  });
}

function isHandler<T>(
  answer: T | ((failed: FailedCall) => T | Promise<T>),
): answer is (failed: FailedCall) => T | Promise<T> {
  return typeof answer === "function";
}

function isWanted(when: FallbackOptions["when"], { verdict, error, context }: FailedCall): boolean {
  // Whoever went away reads no answer; and after an abort from further out, the answer is decided there.
  if (verdict.kind === "aborted" || context.abortReason !== undefined) return false;
  if (when === undefined) return verdict.kind === "failed" || verdict.kind === "rejected";
  try {
    return when(verdict, error, context) === true;
  } catch {
    return false;
  }
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
