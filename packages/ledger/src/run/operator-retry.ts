import { assertKnownKeys, Failure, show } from "@outrigger/core";
import { ledgerFailureCodes } from "../failure.ts";
import { decide, operationTable } from "../state/transitions.ts";
import { storableText } from "../store/storable-text.ts";
import type { OperationRow } from "../store/store.ts";
import { about } from "./describe.ts";
import type { Engine } from "./engine.ts";

/** Workers may claim the row between the read and the write; each time it is read again. */
const readsAtMost = 5;

/** A person's way out of a state; see `Ledger.retry`. */
export async function retry<Tx>(
  engine: Engine<Tx>,
  find: () => Promise<OperationRow | undefined>,
  options: { readonly reason: string },
): Promise<OperationRow> {
  assertKnownKeys("retry options", options, ["reason"]);
  const { reason } = options;
  if (typeof reason !== "string" || reason.trim() === "") {
    throw new TypeError(`retry.reason must say why, for the history; got ${show(reason)}`);
  }
  for (let reads = 1; reads <= readsAtMost; reads += 1) {
    const row = await find();
    if (row === undefined) throw notRetryable("there is no such operation");
    if (operationTable[row.state].operatorRetry === undefined) {
      throw notRetryable(`an operation in ${row.state} needs no retry`);
    }
    const { to } = decide(factsOf(row), "operatorRetry", {
      canCancel: false,
      cancelBlocksLateOriginal: false,
    });
    const moved = await engine.store.retry(row, to, storableText(reason));
    if (moved === undefined) continue;
    const { fence } = moved;
    engine.emit({
      type: "operationMoved",
      from: row.state,
      to,
      why: "operatorRetry",
      fence,
      ...about(moved),
    });
    engine.kick();
    return moved;
  }
  throw notRetryable("workers kept moving it while it was read");
}

function factsOf({ state, intent, inDoubt }: OperationRow): Parameters<typeof decide>[0] {
  return {
    state,
    intent,
    inDoubt,
    refused: false,
    anotherProvider: false,
    quietEnded: false,
    keyOpen: false,
    overdue: false,
    onNotFound: "manual",
  };
}

function notRetryable(message: string): Failure {
  return new Failure(message, {
    code: ledgerFailureCodes.notRetryable,
    effect: "none",
    kind: "rejected",
    transient: false,
  });
}
