import type { NewOperation, OperationRow } from "../store/operation-row.ts";
import { StatementFailed } from "../store/sql-port.ts";
import type { AnyDefinition, Engine } from "./engine.ts";

/** How far the write of an intent came. */
export interface Intended {
  /** Undefined when the key was taken, or nobody knows. */
  readonly row: OperationRow | undefined;
  readonly taken: boolean;
  /** The key was free, and the transaction has been rolled back. */
  readonly free?: true;
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
    const { statement } = definition.prepare;
    if (statement !== undefined && store.writesAtOnce) {
      const business = statement(JSON.parse(fresh.request));
      await engine.step("intent.beforeCommit");
      const rows = await store.insertAtOnce([fresh], business);
      if (rows !== undefined) return { row: rows[0], taken };
    }
    // Our row first: its unique key orders callers, and a repeated key ends here, before the user's function.
    await store.inserting([fresh], async ([inserted], tx, query) => {
      row = inserted;
      taken = row === undefined;
      if (taken) return;
      await definition.prepare.run({ tx, query }, JSON.parse(fresh.request));
      await engine.step("intent.beforeCommit");
    });
    return { row, taken };
  } catch (error) {
    if (error instanceof StatementFailed) return { row, taken, free: true, error: error.cause };
    return { row, taken, error };
  }
}
