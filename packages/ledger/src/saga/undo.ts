import { codeOf, messageOf } from "../run/describe.ts";
import type { Held } from "../run/engine.ts";
import { requestCancel } from "../run/operator.ts";
import { resolve } from "../run/resolve.ts";
import { WriteFailed } from "../run/write.ts";
import type { OperationRow, StoredOperation } from "../store/operation-row.ts";
import type { SagaEngine } from "./parts.ts";
import type { SagaRow } from "./saga-store.ts";

/** What stood in the way of a cancel. */
export interface Obstacle {
  readonly code: string | undefined;
  readonly message: string;
}

/**
 * Asks for a step's operation to be cancelled, and does it right away where nobody else is at it. Asking twice does no
 * harm, also when the saga has gone to another worker meanwhile: that it turned back is durable.
 *
 * @param what - `ask`: not to take effect, if it has not by now; `undo`: what has taken effect.
 * @returns what stood in the way, if it could not be asked for.
 */
export async function cancelStep<Tx>(
  parts: SagaEngine<Tx>,
  row: SagaRow,
  operation: OperationRow,
  what: "ask" | "undo",
  signal: AbortSignal,
): Promise<Obstacle | undefined> {
  const { engine, definitionOf } = parts;
  try {
    const find = (): Promise<StoredOperation | undefined> => engine.store.find(operation.id);
    const why = { reason: `saga ${row.saga} with key ${row.key} turned back`, by: `saga ${row.saga}` };
    const asked = await requestCancel(engine, definitionOf, find, why, what === "ask");
    if (asked.moved) await driveHere(parts, asked.row, signal);
    return undefined;
  } catch (error) {
    if (error instanceof WriteFailed || engine.store.sql.isTransient(error)) throw error;
    return { code: codeOf(error), message: messageOf(error) };
  }
}

/** Takes the operation's lease, unless a resolver was faster, and takes it as far as it can go now. */
async function driveHere<Tx>(
  { engine, definitionOf }: SagaEngine<Tx>,
  operation: OperationRow,
  signal: AbortSignal,
): Promise<void> {
  const definition = definitionOf(operation.operation);
  const isDue =
    operation.state === "READY" || operation.state === "UNKNOWN" || operation.state === "CANCELLING";
  if (definition === undefined || !isDue) return;
  const row = await engine.store.renew(operation, definition.leaseMs);
  if (row === undefined) return;
  const held: Held = { row, leaseEndsAtMs: row.readAtMs + definition.leaseMs, mine: true };
  await resolve(engine, definition, held, signal);
}
