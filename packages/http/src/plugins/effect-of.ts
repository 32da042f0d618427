import { type Effect, Failure, worseEffect } from "@outrigger/core";

/** A header of every answer that is no success: what the call has done on the other side. */
export const effectHeader = "outrigger-effect";

/** Where a failure is kept that could not be the error itself: on the reason of an abort. */
const behind: unique symbol = Symbol.for("outrigger.failureBehind") as never;

/** Where clients keep the error that they wrap: most as `cause`, Stripe's as `detail` and `exception`. */
const wrappers = ["cause", "detail", "exception"] as const;
/** And where they keep the answer: axios, got and ky, the AWS SDK. The headers of Stripe's and OpenAI's hang on the error. */
const answers = ["response", "$response"] as const;

/**
 * What a call has done on the other side, by the error that some client made of it.
 *
 * `unknown` for an error that tells nothing: its client may have given up a call that was on its way.
 *
 * @param error - What an HTTP client threw that an integration was plugged into.
 */
export function effectOf(error: unknown): Effect {
  return failureOf(error)?.effect ?? search(error, effectInHeaders) ?? "unknown";
}

/**
 * The failure of the integration inside the error that some client made of it.
 *
 * Undefined for an answer with an error status, which the client has read itself: it has an effect all the same.
 */
export function failureOf(error: unknown): Failure | undefined {
  return search(error, (each) => (Failure.is(each) ? each : failureBehind(each)));
}

/**
 * Keeps the failure in `error` on the reason of an abort, which stays what it is: `fetch` and its kin reject with the
 * reason itself.
 *
 * @returns the reason.
 */
export function keepFailureOf(error: unknown, reason: unknown): unknown {
  if (!Failure.is(error) || typeof reason !== "object" || reason === null || !Object.isExtensible(reason)) {
    return reason;
  }
  const before = failureBehind(reason);
  // One signal can end several calls. Of two effects the worse stands for both.
  const worst =
    before !== undefined && worseEffect(before.effect, error.effect) === before.effect ? before : error;
  Object.defineProperty(reason, behind, { value: worst, configurable: true });
  return reason;
}

function failureBehind(error: unknown): Failure | undefined {
  if (typeof error !== "object" || error === null || !(behind in error)) return undefined;
  return Failure.is(error[behind]) ? error[behind] : undefined;
}

/** What `find` sees first in an error, or in the errors that it wraps. */
function search<T>(error: unknown, find: (error: unknown) => T | undefined): T | undefined {
  const seen = new Set<unknown>();
  let around: unknown[] = [error];
  while (around.length > 0) {
    const next: unknown[] = [];
    for (const each of around) {
      if (typeof each !== "object" || each === null || seen.has(each)) continue;
      seen.add(each);
      const found = find(each);
      if (found !== undefined) return found;
      for (const name of wrappers) next.push((each as Record<string, unknown>)[name]);
    }
    around = next;
  }
  return undefined;
}

function effectInHeaders(error: unknown): Effect | undefined {
  const own = error as Record<string, unknown>;
  for (const holder of [own, ...answers.map((name) => own[name])]) {
    if (typeof holder !== "object" || holder === null || !("headers" in holder)) continue;
    const value = headerOf(holder.headers);
    if (value === "none" || value === "unknown" || value === "done") return value;
  }
  return undefined;
}

function headerOf(headers: unknown): unknown {
  if (typeof headers !== "object" || headers === null) return undefined;
  if ("get" in headers && typeof headers.get === "function") return headers.get(effectHeader);
  return (headers as Record<string, unknown>)[effectHeader];
}
