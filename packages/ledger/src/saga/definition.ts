import type { Duration } from "@outrigger/core";
import type { PgTx } from "../drivers/pg.ts";
import type { AbandonedFailure } from "../operation/definition.ts";
import type { Operation } from "../operation/operation.ts";

/** What a step's functions are told. */
export interface SagaSoFar<I, R> {
  /** What the saga was begun with. */
  readonly input: I;
  /**
   * The results of the steps that this one needs, directly or not. Reading another step's throws: whether it is there would
   * depend on chance.
   */
  readonly results: R;
  /** The saga's own key. */
  readonly key: string;
  /**
   * Counts the operations for the same, the first as 1. One that was refused is followed by another beyond the pivot, and
   * when it undoes a step: with a key of its own, and with a `prepare` of its own.
   */
  readonly tries: number;
}

/** An operation of this ledger, whatever it takes and gives: what `ledger.operation` made. */
export interface AnyOperation {
  readonly name: string;
}

/** Undoes a step by an operation of its own, such as a refund. */
export interface SagaUndo<I, R> {
  readonly operation: AnyOperation;
  input(so: SagaSoFar<I, R>): unknown;
}

export interface SagaStep<I, R> {
  /** Its place in the results: 1 to 40 letters, digits, "_" and "-". */
  readonly name: string;
  readonly operation: AnyOperation;
  /**
   * What the operation is given. Must say the same each time it is asked for the same. What it throws turns the saga back; beyond the
   * pivot it is tried again, and a person is told in the end.
   */
  input(so: SagaSoFar<I, R>): unknown;
  /**
   * The steps that must be done before it. @defaultValue those of the group before its own
   */
  readonly needs?: readonly string[];
  /**
   * After this step the saga only goes forward: what is refused then is tried again, with a new key, until a person has to
   * look. Steps after it need no way back. At most one, and every other step is before or after it.
   */
  readonly pivot?: boolean;
  /** How it is undone. @defaultValue by cancelling its operation */
  readonly undo?: SagaUndo<I, R>;
}

export interface SagaDefinition<I, R> {
  /**
   * Goes up with every change of the steps. Sagas that were begun with another version go on with that one, so a process
   * keeps its definition as well until `ledger.snapshot()` says that none of it is open. Range: integer >= 1.
   */
  readonly version: number;
  /** One after the other; the steps of a list in it side by side. */
  readonly steps: readonly (SagaStep<I, R> | readonly SagaStep<I, R>[])[];
  /** The wait before something refused is tried again, and before a saga is looked at again; doubles. @defaultValue "500ms" */
  readonly retryFirst?: Duration;
  /** @defaultValue "30s" */
  readonly retryMax?: Duration;
  /** When a person is told, at the earliest after five tries. @defaultValue "1h" */
  readonly manualAfter?: Duration;
}

/**
 * What holds where an option is left out.
 *
 * - `retryFirst` 500 ms, `retryMax` 30 s, `manualAfter` 1 h: as for an unknown outcome. A step that settles wakes its saga,
 *   so these are the waits for what is refused, and for a call that got lost.
 */
export const sagaDefaults: Required<
  Pick<SagaDefinition<unknown, unknown>, "retryFirst" | "retryMax" | "manualAfter">
> = {
  retryFirst: "500ms",
  retryMax: "30s",
  manualAfter: "1h",
};

/** How a saga stands. `pending` ends as one of the others, or with a person. */
export type SagaOutcome<R> =
  | { readonly status: "committed"; readonly result: R; readonly id: string }
  | { readonly status: "abandoned"; readonly failure: SagaFailure; readonly id: string }
  | { readonly status: "pending"; readonly id: string };

/** Why a saga turned back. */
export interface SagaFailure extends AbandonedFailure {
  /** The step that it was for; absent where somebody cancelled it. */
  readonly step?: string;
}

/** A step whose operation's input is checked against what `input` gives. The same as writing the object alone. */
export function sagaStep<I, R, SI, SR, Tx = PgTx>(
  step: Omit<SagaStep<I, R>, "operation" | "input" | "undo"> & {
    readonly operation: Operation<SI, SR, Tx>;
    input(so: SagaSoFar<I, R>): NoInfer<SI>;
    readonly undo?: SagaUndo<I, R>;
  },
): SagaStep<I, R> {
  return step;
}

/** The same for what undoes a step. */
export function sagaUndo<I, R, UI, UR, Tx = PgTx>(undo: {
  readonly operation: Operation<UI, UR, Tx>;
  input(so: SagaSoFar<I, R>): NoInfer<UI>;
}): SagaUndo<I, R> {
  return undo;
}
