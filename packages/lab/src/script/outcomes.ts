import { type Duration, durationMs, type Effect } from "@outrigger/core";

/** How one attempt goes. Made by {@link answers}, {@link fails}, {@link hangs}, {@link throws} and {@link returns}. */
export type ScriptedOutcome<O> =
  | ({ readonly kind: "answer"; readonly value: O; readonly afterMs: number } & Manner)
  | ({ readonly kind: "fail"; readonly error: unknown; readonly afterMs: number } & Manner)
  | ({ readonly kind: "hang" } & Manner)
  | { readonly kind: "throw"; readonly error: unknown }
  | { readonly kind: "return"; readonly value: unknown };

interface Manner {
  readonly deaf: boolean;
  readonly effect: Effect | undefined;
}

export interface HangOptions {
  /** Goes on when told to stop, as a provider does that has already got the request. @defaultValue false */
  readonly deaf?: boolean | undefined;
  /** What the attempt says of itself when it starts, as a transport does. @defaultValue nothing: `unknown` */
  readonly effect?: Effect | undefined;
}

export interface OutcomeOptions extends HangOptions {
  /** How long the attempt takes. @defaultValue "0ms": it ends in the same turn, asynchronously */
  readonly after?: Duration | undefined;
}

/** The attempt answers with `value`. */
export function answers<O>(value: O, options: OutcomeOptions = {}): ScriptedOutcome<O> {
  return { kind: "answer", value, afterMs: afterMsOf("answers", options), ...mannerOf(options) };
}

/** The attempt ends with `error`: a `Failure`, or anything else that may be thrown. */
export function fails(error: unknown, options: OutcomeOptions = {}): ScriptedOutcome<never> {
  return { kind: "fail", error, afterMs: afterMsOf("fails", options), ...mannerOf(options) };
}

/** The attempt never ends by itself. It stops when told to, unless it is `deaf`. */
export function hangs(options: HangOptions = {}): ScriptedOutcome<never> {
  return { kind: "hang", ...mannerOf(options) };
}

/** The function throws before it returns a promise. */
export function throws(error: unknown): ScriptedOutcome<never> {
  return { kind: "throw", error };
}

/** The function returns `value` as it is: no promise, a foreign thenable, `undefined`. */
export function returns(value: unknown): ScriptedOutcome<never> {
  return { kind: "return", value };
}

function afterMsOf(path: string, { after }: OutcomeOptions): number {
  return after === undefined ? 0 : durationMs(`${path}.after`, after, { minMs: 0 });
}

function mannerOf({ deaf = false, effect }: HangOptions): Manner {
  return { deaf, effect };
}
