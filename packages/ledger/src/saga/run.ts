import { assertKnownKeys, Failure, show } from "@outrigger/core";
import { ledgerFailureCodes } from "../failure.ts";
import { exactJson } from "../operation/exact-json.ts";
import { fingerprintOf } from "../operation/fingerprint.ts";
import type { EnqueueOptions, RunOptions } from "../operation/operation.ts";
import type { Held } from "../run/engine.ts";
import { throwIfAborted } from "../run/run.ts";
import { mayWait, planned, resultOf, StepRejected, sendAll, storeIn, withBegun } from "./begin.ts";
import type { CheckedSaga } from "./checked-saga.ts";
import { decideSaga } from "./decide.ts";
import type { SagaFailure, SagaOutcome } from "./definition.ts";
import { drive, isCommitUnknown } from "./drive.ts";
import { checkedSagaKey } from "./keys.ts";
import type { SagaEngine } from "./parts.ts";
import type { NewSaga, SagaRow } from "./saga-store.ts";
import { factsOf, newRow, partsOf, type StepParts } from "./standing.ts";

type Fresh = Pick<NewSaga, "saga" | "version" | "key" | "request" | "fingerprint">;

/** Stores the saga with its first steps, and takes it as far as it can go now; see `Saga.run`. */
export async function runSaga<Tx>(
  parts: SagaEngine<Tx>,
  saga: CheckedSaga<Tx>,
  input: unknown,
  options: Pick<RunOptions, "key" | "signal">,
): Promise<SagaOutcome<unknown>> {
  assertKnownKeys("run options", options, ["key", "signal"]);
  const { engine, sagas } = parts;
  const fresh = checkedRequest(saga, input, options.key);
  throwIfAborted(options.signal);
  const signal = options.signal ?? new AbortController().signal;
  const begun = await beginFirst(parts, saga, fresh);
  if (begun === undefined) return await storedOutcome(parts, saga, fresh);
  announceNew(parts, begun.row);
  try {
    await engine.step("sagaStep.afterCommit");
    await sendAll(parts, begun.held, signal);
    const row = await drive({ parts, saga, signal }, begun.row);
    return await outcomeOf(parts, row ?? (await sagas.find(begun.row.id)) ?? begun.row);
  } catch (error) {
    // It goes on from its own row when the lease ends, in any process.
    if (mayWait(engine, error)) return { status: "pending", id: begun.row.id };
    throw error;
  }
}

/** @returns undefined when the key is taken. */
async function beginFirst<Tx>(
  parts: SagaEngine<Tx>,
  saga: CheckedSaga<Tx>,
  fresh: Fresh,
): Promise<{ readonly row: SagaRow; readonly held: readonly Held[] } | undefined> {
  const { engine, sagas } = parts;
  let held: readonly Held[] = [];
  try {
    const none: ReadonlyMap<string, StepParts> = new Map();
    const all = decideSaga(factsOf(saga, newRow, none, undefined)).begin.flatMap((name) => {
      const step = saga.steps.find((each) => each.name === name);
      return step === undefined ? [] : [planned(saga, fresh, step, "do", none)];
    });
    const row = await engine.store.sql.transaction(async (tx, query) => {
      // Its row first: its unique key orders callers, and a repeated key ends here.
      const inserted = await sagas.insert(query, {
        ...fresh,
        begun: withBegun(undefined, all),
        held: true,
        dueInMs: saga.leaseMs,
      });
      if (inserted === undefined) return undefined;
      held = await storeIn(parts, tx, query, all);
      await engine.step("sagaStep.beforeCommit");
      return inserted;
    });
    return row === undefined ? undefined : { row, held };
  } catch (error) {
    // Nothing is stored, so whoever asked hears what was wrong.
    if (error instanceof StepRejected) throw error.cause;
    if (isCommitUnknown(error)) throw intentUnknown(error);
    throw error;
  }
}

function intentUnknown(cause: unknown): Failure {
  return new Failure(
    "nobody knows whether the saga was stored; nothing was sent from here: call run again with the same key to learn " +
      "what became of it",
    { code: ledgerFailureCodes.intentUnknown, effect: "unknown", cause },
  );
}

/** Stores the saga alone; see `Saga.enqueue`. */
export async function enqueueSaga<Tx>(
  parts: SagaEngine<Tx>,
  saga: CheckedSaga<Tx>,
  input: unknown,
  options: Pick<EnqueueOptions<Tx>, "key" | "tx">,
  kick: () => void,
): Promise<SagaOutcome<unknown>> {
  assertKnownKeys("enqueue options", options, ["key", "tx"]);
  const { engine, sagas } = parts;
  const { tx } = options;
  const fresh = checkedRequest(saga, input, options.key);
  const query = tx === undefined ? engine.store.sql.query : engine.store.sql.join(tx);
  const row = await sagas.insert(query, { ...fresh, begun: [], held: false, dueInMs: 0 });
  if (row === undefined) return await storedOutcome(parts, saga, fresh, query);
  if (tx === undefined) {
    announceNew(parts, row);
    kick();
  } else await engine.wakeAtCommit(query);
  return { status: "pending", id: row.id };
}

function announceNew<Tx>({ engine }: SagaEngine<Tx>, { id, saga, version, key, state }: SagaRow): void {
  engine.emit({ type: "sagaMoved", id, saga, version, key, from: null, to: state, why: "created" });
}

function checkedRequest<Tx>(saga: CheckedSaga<Tx>, input: unknown, key: unknown): Fresh {
  const request = exactJson("input", input);
  return {
    saga: saga.name,
    version: saga.version,
    key: checkedSagaKey(key),
    request,
    fingerprint: fingerprintOf(request),
  };
}

async function storedOutcome<Tx>(
  parts: SagaEngine<Tx>,
  saga: CheckedSaga<Tx>,
  { key, fingerprint }: Fresh,
  query = parts.engine.store.sql.query,
): Promise<SagaOutcome<unknown>> {
  const row = await parts.sagas.findByKey(saga.name, key, query);
  if (row === undefined) {
    // Only whoever deletes rows can cause this.
    throw new Failure(`the saga with key ${show(key)} disappeared while it was read`, {
      code: ledgerFailureCodes.databaseUnavailable,
      effect: "none",
    });
  }
  if (row.fingerprint === fingerprint) return await outcomeOf(parts, row);
  throw new Failure(
    `key ${show(key)} of saga ${show(saga.name)} was used before with another input; use a new key for a new request`,
    { code: ledgerFailureCodes.keyReused, effect: "none", kind: "rejected", transient: false },
  );
}

/** Where it stands, whatever version of its definition is known here. */
async function outcomeOf<Tx>({ sagas }: SagaEngine<Tx>, row: SagaRow): Promise<SagaOutcome<unknown>> {
  const { id } = row;
  if (row.state === "COMPENSATED") {
    return { status: "abandoned", failure: JSON.parse(row.failure ?? "null") as SagaFailure, id };
  }
  if (row.state !== "DONE") return { status: "pending", id };
  const steps = [...new Set(row.begun.map(({ step }) => step))].map((name) => ({ name }));
  const parts = partsOf({ steps }, row, await sagas.operations(row.begun));
  const result = Object.fromEntries(steps.map(({ name }) => [name, resultOf(parts.get(name))]));
  return { status: "committed", result, id };
}
