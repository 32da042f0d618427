import { exactJson } from "../operation/exact-json.ts";
import { fingerprintOf } from "../operation/fingerprint.ts";
import { about } from "../run/describe.ts";
import type { AnyDefinition, Held } from "../run/engine.ts";
import { send } from "../run/send.ts";
import { WriteFailed } from "../run/write.ts";
import type { NewOperation } from "../store/operation-row.ts";
import type { SqlQuery } from "../store/sql-port.ts";
import type { CheckedSaga, CheckedStep } from "./checked-saga.ts";
import type { SagaSoFar } from "./definition.ts";
import { stepKeyOf } from "./keys.ts";
import type { SagaEngine } from "./parts.ts";
import type { BegunOperation, SagaRow } from "./saga-store.ts";
import { failingSince, type StepParts } from "./standing.ts";

/** A step, or its undoing, that could not be begun; nothing of it was stored, and nothing sent. */
export class StepRejected extends Error {
  readonly step: string;

  constructor(step: string, cause: unknown) {
    super(`step ${step} could not be begun`, { cause });
    this.step = step;
  }
}

/** One operation that is about to be stored for a step. */
export interface Planned<Tx> {
  readonly definition: AnyDefinition<Tx>;
  readonly fresh: NewOperation;
  readonly begun: BegunOperation;
}

/** What the functions of the saga's author need of it. */
export interface SagaAt {
  readonly saga: string;
  readonly key: string;
  readonly request: string;
}

/** @throws StepRejected when the step's input cannot be made. */
export function planned<Tx>(
  saga: CheckedSaga<Tx>,
  at: SagaAt,
  step: CheckedStep<Tx>,
  what: BegunOperation["what"],
  parts: ReadonlyMap<string, StepParts>,
): Planned<Tx> {
  const undo = step.undo;
  const { operation: definition, input } = what === "undo" && typeof undo === "object" ? undo : step;
  const before = what === "do" ? parts.get(step.name)?.done : parts.get(step.name)?.undone;
  const tries = (before?.begun.tries ?? 0) + 1;
  const key = stepKeyOf({ saga: at.saga, key: at.key, step: step.name, what, tries });
  let request: string;
  try {
    // What undoes a step may look at what it did.
    const visible = what === "do" ? step.needs : [...step.needs, step.name];
    request = exactJson(`step ${step.name}: input`, input(soFar(saga, at, tries, visible, parts)));
  } catch (error) {
    throw new StepRejected(step.name, error);
  }
  const providers = [...definition.providers.keys()];
  return {
    definition,
    fresh: {
      operation: definition.name,
      key,
      fingerprint: fingerprintOf(request),
      state: "SENDING",
      dueInMs: definition.leaseMs,
      providers,
      request,
      keyWindowMs: definition.providers.get(providers[0] ?? "")?.keyWindowMs,
    },
    begun: {
      step: step.name,
      what,
      operation: definition.name,
      key,
      tries,
      ...(before !== undefined && { failingSince: failingSince(before) }),
    },
  };
}

function soFar<Tx>(
  saga: CheckedSaga<Tx>,
  { key, request }: SagaAt,
  tries: number,
  visible: readonly string[],
  parts: ReadonlyMap<string, StepParts>,
): SagaSoFar<unknown, unknown> {
  const results: Record<string, unknown> = {};
  for (const { name } of saga.steps) {
    if (visible.includes(name)) {
      results[name] = resultOf(parts.get(name));
      continue;
    }
    Object.defineProperty(results, name, {
      get(): never {
        throw new TypeError(
          `it does not need step "${name}", whose result may not be there yet; name it in needs`,
        );
      },
    });
  }
  return { input: JSON.parse(request) as unknown, results, key, tries };
}

export function resultOf(parts: StepParts | undefined): unknown {
  const result = parts?.done?.operation.result;
  return result === undefined ? undefined : (JSON.parse(result) as unknown);
}

/**
 * Stores the operations with their business rows, in the transaction that writes the saga's row.
 *
 * @throws StepRejected when a `prepare` cannot take its input, or a key was used by somebody else.
 */
export async function storeIn<Tx>(
  { engine }: SagaEngine<Tx>,
  tx: Tx,
  query: SqlQuery,
  all: readonly Planned<Tx>[],
): Promise<readonly Held[]> {
  const rows = await engine.store.insertMany(
    query,
    all.map(({ fresh }) => fresh),
  );
  const held: Held[] = [];
  for (const [index, { definition, fresh, begun }] of all.entries()) {
    const row = rows[index];
    if (row === undefined) {
      throw new StepRejected(
        begun.step,
        new Error(`operation "${fresh.operation}" has the key "${fresh.key}" already`),
      );
    }
    try {
      await definition.prepare.run({ tx, query }, JSON.parse(fresh.request));
    } catch (error) {
      if (engine.store.sql.isTransient(error)) throw error;
      throw new StepRejected(begun.step, error);
    }
    held.push({ row, leaseEndsAtMs: row.readAtMs + fresh.dueInMs, mine: true });
  }
  return held;
}

/** Calls the providers of what was stored, side by side. What stays unknown is left to any resolver. */
export async function sendAll<Tx>(
  { engine, definitionOf }: SagaEngine<Tx>,
  held: readonly Held[],
  signal: AbortSignal | undefined,
): Promise<void> {
  const ended = await Promise.allSettled(
    held.map(async (each) => {
      const { row } = each;
      const { state: to, fence } = row;
      engine.emit({ type: "operationMoved", from: null, to, why: "created", fence, ...about(row) });
      const definition = definitionOf(row.operation);
      if (definition !== undefined) await send(engine, definition, each, "handOver", signal);
    }),
  );
  engine.kick();
  for (const each of ended) {
    // An outcome that is not written: when the lease ends the operation is read as UNKNOWN, by any process.
    if (each.status === "rejected" && !mayWait(engine, each.reason)) throw each.reason;
  }
}

/** Whether what failed is only that the database was not there: it goes on from what is stored. */
export function mayWait<Tx>({ store }: SagaEngine<Tx>["engine"], error: unknown): boolean {
  return error instanceof WriteFailed || store.sql.isTransient(error);
}

/** What a saga's row says of an operation that was begun. */
export const withBegun = <Tx>(
  row: SagaRow | undefined,
  all: readonly Planned<Tx>[],
): readonly BegunOperation[] => [...(row?.begun ?? []), ...all.map(({ begun }) => begun)];
