import { functionAt } from "../options/policy-options.ts";
import type { CallContext } from "./call-context.ts";

/** A call to the outside. */
export type Call<I, O> = (input: I, context: CallContext) => Promise<O>;

/** Turns a call into a call of the same shape, so that policies compose without a framework. */
export type Policy = <I, O>(next: Call<I, O>) => Call<I, O>;

/**
 * Composes policies, the outermost first: `pipeline(deadline("5s"), retry(), attemptTimeout("1s"))`.
 *
 * @throws TypeError that names the place of what is not a policy.
 */
export function pipeline(...policies: readonly Policy[]): Policy {
  for (const [index, policy] of policies.entries()) functionAt(`pipeline[${index}]`, policy);
  return (next) => policies.reduceRight((inner, policy) => policy(inner), next);
}

/**
 * Calls, and answers with a promise whatever the call does: a throw before its first await is a rejection like
 * any other, and a plain value or a foreign thenable is as good as a promise.
 */
export function invoke<I, O>(call: Call<I, O>, input: I, context: CallContext): Promise<O> {
  try {
    return Promise.resolve(call(input, context));
  } catch (error) {
    return Promise.reject(error);
  }
}
