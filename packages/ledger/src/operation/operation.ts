import type { PgTx } from "../drivers/pg.ts";
import type { AbandonedFailure, Inquiry } from "./definition.ts";
import type { Guarantee, GuaranteeLevel } from "./guarantee.ts";

export interface RunOptions {
  /** Names the operation for ever: the same key is the same effect. 1 to 255 visible ASCII characters. */
  readonly key: string;
  /** Tells the call to stop when the caller goes away. The operation is settled all the same. */
  readonly signal?: AbortSignal | undefined;
  /** The providers to ask, in this order. @defaultValue all, as defined */
  readonly providers?: readonly string[] | undefined;
}

export interface EnqueueOptions<Tx> {
  /** Names the operation for ever: the same key is the same effect. 1 to 255 visible ASCII characters. */
  readonly key: string;
  /**
   * A transaction of yours that is open: the operation is stored when it commits, and not when it rolls back. Without
   * it the ledger commits by itself.
   */
  readonly tx?: Tx | undefined;
  /** The providers to ask, in this order. @defaultValue all, as defined */
  readonly providers?: readonly string[] | undefined;
}

export interface ObserveOptions {
  /** Where it comes from, for the history: `"webhook evt_123"`. */
  readonly by: string;
  /** Whose word it is, where the operation has several providers. @defaultValue the provider it is with */
  readonly provider?: string | undefined;
}

/**
 * What became of evidence.
 *
 * - `applied`: it moved the operation.
 * - `agreed`: the ledger had the same already.
 * - `noted`: it decides nothing where the operation is, and stands in its history.
 */
export type Observed = "applied" | "agreed" | "noted";

/** How an operation stands. `pending` ends as one of the others, or with a person. */
export type Outcome<R> =
  | { readonly status: "committed"; readonly result: R; readonly provider: string; readonly id: string }
  | { readonly status: "abandoned"; readonly failure: AbandonedFailure; readonly id: string }
  | { readonly status: "pending"; readonly id: string };

/**
 * One kind of external call that ends in agreement with a local transaction.
 *
 * `Level` is what it may promise: a function that moves money can ask for `Operation<I, R, Tx, ConsistentLevel>`, and an
 * operation whose definition accepts less is then refused by the compiler.
 */
export interface Operation<I, R, Tx = PgTx, Level extends GuaranteeLevel = GuaranteeLevel> {
  readonly name: string;
  /** What the declared capabilities allow to promise, and why. */
  readonly guarantee: Guarantee<Level>;
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

  /**
   * Stores the intent alone: `prepare` runs, nothing is sent from here. A resolver of any process sends it. In a
   * transaction of yours it is an outbox of one operation.
   *
   * A key that was used before gives what became of it, as `run` does.
   *
   * @throws TypeError when `tx` is a pool, or a connection outside of a transaction; else as `run` does.
   */
  enqueue(input: I, options: EnqueueOptions<Tx>): Promise<Outcome<R>>;
  /**
   * Tells what was learnt without having asked: by a webhook, or a line of a statement. It goes through the same fenced
   * moves as the answer to an inquiry, whatever state the operation is in, and as often as it is told.
   *
   * Only `found` and `refused` say something. An effect that turns up after the operation was abandoned is undone where
   * there is a cancel, and a person's matter where there is none.
   *
   * @returns what became of it; undefined when there is no operation with this key.
   * @throws Failure `OUTCOME_UNKNOWN`, transient, when it has to be told again.
   */
  observe(key: string, learnt: Inquiry<R>, options: ObserveOptions): Promise<Observed | undefined>;
  /** What is declared, what follows from it, and what happens in each case: text for people. */
  explain(): string;
}
