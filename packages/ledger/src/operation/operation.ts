import type { AbandonedFailure } from "./definition.ts";
import type { Guarantee } from "./guarantee.ts";

export interface RunOptions {
  /** Names the operation for ever: the same key is the same effect. 1 to 255 visible ASCII characters. */
  readonly key: string;
  /** Tells the call to stop when the caller goes away. The operation is settled all the same. */
  readonly signal?: AbortSignal | undefined;
  /** The providers to ask, in this order. @defaultValue all, as defined */
  readonly providers?: readonly string[] | undefined;
}

/** How an operation stands. `pending` ends as one of the others, or with a person. */
export type Outcome<R> =
  | { readonly status: "committed"; readonly result: R; readonly provider: string; readonly id: string }
  | { readonly status: "abandoned"; readonly failure: AbandonedFailure; readonly id: string }
  | { readonly status: "pending"; readonly id: string };

/** One kind of external call that ends in agreement with a local transaction. */
export interface Operation<I, R> {
  readonly name: string;
  /** What the declared capabilities allow to promise, and why. */
  readonly guarantee: Guarantee;
  /**
   * Stores the intent, calls the provider, and stores the outcome.
   *
   * The result is what JSON keeps of it, so that a repeated key gets the same. A repeated key never calls a
   * provider.
   *
   * @throws Failure `KEY_INVALID`, `INPUT_INVALID`, or `KEY_REUSED` when the key came with another input
   * before, all with `effect: "none"`; `CALL_ABORTED` when the signal had already aborted;
   * `DATABASE_UNAVAILABLE` (`effect: "none"`) when the intent could not be stored and the key is certainly free;
   * `INTENT_UNKNOWN` (`effect: "unknown"`) when the database could not be asked whether anything is stored under
   * the key; `TRANSACTION_ABORTED` when `prepare` ended the ledger's transaction or hid a failed statement; and
   * whatever `prepare` throws, with nothing stored and nothing sent.
   */
  run(input: I, options: RunOptions): Promise<Outcome<R>>;
}
