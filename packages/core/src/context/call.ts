import type { CallContext } from "./call-context.ts";

/** A call to the outside. */
export type Call<I, O> = (input: I, context: CallContext) => Promise<O>;

/** Turns a call into a call of the same shape, so that policies compose without a framework. */
export type Policy = <I, O>(next: Call<I, O>) => Call<I, O>;

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
