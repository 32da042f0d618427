import type { NewOperation, OperationRow } from "../store/operation-row.ts";
import type { AnyDefinition, Engine } from "./engine.ts";

/** How far the write of an intent came. */
export interface Intended {
  /** Undefined when the key was taken, or nobody knows. */
  readonly row: OperationRow | undefined;
  readonly taken: boolean;
  readonly error?: unknown;
}

/** By itself. Never rejects. */
export async function intend<Tx>(
  engine: Engine<Tx>,
  definition: AnyDefinition<Tx>,
  fresh: NewOperation,
): Promise<Intended> {
  const { store } = engine;
  let row: OperationRow | undefined;
  let taken = false;
  try {
    // Our row first: its unique key orders callers, and a repeated key ends here, before the user's function.
    await store.inserting([fresh], async ([inserted], tx) => {
      row = inserted;
      taken = row === undefined;
      if (taken) return;
      await definition.prepare(tx, JSON.parse(fresh.request));
      await engine.step("intent.beforeCommit");
    });
    return { row, taken };
  } catch (error) {
    return { row, taken, error };
  }
}
