import { type Call, invoke, type Policy } from "../context/call.ts";
import { Failure } from "../failure/failure.ts";
import { functionAt } from "../options/policy-options.ts";
import { answerOf } from "../options/user-functions.ts";
import { withPlan } from "./plan.ts";

/**
 * Makes a failure of a result that is one, such as an answer with status 503: from here outwards every policy sees a
 * failed call. Stands innermost, so that retry, breaker and limits all go by this one classification.
 *
 * @param classify - The failure that a result stands for, or undefined for a good one. One that throws changes
 * nothing.
 */
export function failWhen<R>(classify: (result: R) => Failure | undefined): Policy {
  functionAt("failWhen", classify);
  const judge = classify as (result: unknown) => Failure | undefined;
  const policy = <I, O>(next: Call<I, O>): Call<I, O> => {
    return (input, context) =>
      invoke(next, input, context).then((value) => {
        const failure = judged(judge, value);
        if (failure !== undefined) throw failure;
        return value;
      });
  };
  return withPlan(policy, { kind: "failWhen", classify: judge });
}

/** What a classification says of a result. One that throws says nothing, and neither does what is no error. */
export function judged(
  classify: (result: unknown) => Failure | undefined,
  result: unknown,
): Failure | undefined {
  const failure: unknown = answerOf(classify, result);
  return Failure.is(failure) || failure instanceof Error ? (failure as Failure) : undefined;
}
