import { assertKnownKeys, Failure, show } from "@outrigger/core";
import { ledgerFailureCodes } from "../failure.ts";
import { type ByPerson, retry, textAt } from "../run/operator.ts";
import { checkedSagaKey } from "./keys.ts";
import type { SagaEngine } from "./parts.ts";
import type { SagaRow } from "./saga-store.ts";

/** A saga's id, or its name and key. */
export type WhichSaga = string | { readonly saga: string; readonly key: string };

const uuid = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;

export async function findSaga<Tx>(
  { sagas }: SagaEngine<Tx>,
  which: WhichSaga,
): Promise<SagaRow | undefined> {
  if (typeof which !== "string") return await sagas.findByKey(which.saga, checkedSagaKey(which.key));
  return uuid.test(which) ? await sagas.find(which) : undefined;
}

/** See `Sagas.cancel`. */
export async function cancelSaga<Tx>(
  parts: SagaEngine<Tx>,
  which: WhichSaga,
  given: ByPerson,
): Promise<SagaRow> {
  assertKnownKeys("cancel options", given, ["reason", "by"]);
  const reason = textAt("cancel.reason", "why", given.reason);
  const by = textAt("cancel.by", "who", given.by);
  const code = ledgerFailureCodes.notCancellable;
  return await again(parts, which, code, async (row) => {
    if (row.state === "COMPENSATED") return row;
    if (row.state === "DONE") {
      const what = `saga ${show(row.saga)} with key ${show(row.key)} was committed at ${row.updatedAt}`;
      throw refused(code, `${what}; undo it by a saga of its own, with a key of its own`);
    }
    return await parts.sagas.intervene(row, { wantsCancel: true, why: "cancelRequested", reason, by });
  });
}

/** See `Sagas.retry`. */
export async function retrySaga<Tx>(
  parts: SagaEngine<Tx>,
  which: WhichSaga,
  given: { readonly reason: string; readonly by?: string | undefined },
): Promise<SagaRow> {
  assertKnownKeys("retry options", given, ["reason", "by"]);
  const reason = textAt("retry.reason", "why", given.reason);
  const by = given.by === undefined ? undefined : textAt("retry.by", "who", given.by);
  const code = ledgerFailureCodes.notRetryable;
  const row = await again(parts, which, code, async (found) => {
    if (found.nextAt === null) throw refused(code, `a saga that is ${found.state} needs no retry`);
    return await parts.sagas.intervene(found, { wantsCancel: false, why: "operatorRetry", reason, by });
  });
  await retrySteps(parts, row, { reason, by });
  return row;
}

/** Its operations that wait for a person go back to work with it. */
async function retrySteps<Tx>(
  { engine, sagas }: SagaEngine<Tx>,
  row: SagaRow,
  given: { readonly reason: string; readonly by: string | undefined },
): Promise<void> {
  for (const operation of await sagas.operations(row.begun)) {
    if (operation.state !== "MANUAL") continue;
    await retry(engine, () => engine.store.find(operation.id), given).catch((error: unknown) => {
      // Somebody else put it back to work meanwhile.
      if (!Failure.is(error) || error.code !== ledgerFailureCodes.notRetryable) throw error;
    });
  }
}

/** Workers may take the row between the read and the write; each time it is read again. */
const readsAtMost = 5;

async function again<Tx>(
  parts: SagaEngine<Tx>,
  which: WhichSaga,
  code: string,
  work: (row: SagaRow) => Promise<SagaRow | undefined>,
): Promise<SagaRow> {
  for (let reads = 1; reads <= readsAtMost; reads += 1) {
    const row = await findSaga(parts, which);
    if (row === undefined) throw refused(code, "there is no such saga");
    const after = await work(row);
    if (after !== undefined) return after;
  }
  throw refused(code, "workers kept moving it while it was read");
}

function refused(code: string, message: string): Failure {
  return new Failure(message, { code, effect: "none", kind: "rejected", transient: false });
}
