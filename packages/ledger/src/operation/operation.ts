import { assertKnownKeys, coreFailureCodes, Failure, show } from "@outrigger/core";
import { begin } from "../run/begin.ts";
import type { AnyDefinition, Engine } from "../run/engine.ts";
import { send } from "../run/send.ts";
import { WriteFailed } from "../run/write.ts";
import { ledgerCodes } from "../store/sql-port.ts";
import type { OperationRow } from "../store/store.ts";
import type { AbandonedFailure } from "./definition.ts";
import type { Guarantee } from "./guarantee.ts";
import { checkedKey, exactJson, fingerprintOf } from "./request.ts";

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
   * `DATABASE_UNAVAILABLE` (`effect: "none"`) or `INTENT_UNKNOWN` (`effect: "unknown"`) when the intent could
   * not be stored; and whatever `prepare` throws, with nothing stored and nothing sent.
   */
  run(input: I, options: RunOptions): Promise<Outcome<R>>;
}

export function operation<Tx, I, R>(engine: Engine<Tx>, definition: AnyDefinition<Tx>): Operation<I, R> {
  return {
    name: definition.name,
    guarantee: definition.guarantee,
    run: (input, options) => run(engine, definition, input, options) as Promise<Outcome<R>>,
  };
}

async function run<Tx>(
  engine: Engine<Tx>,
  definition: AnyDefinition<Tx>,
  input: unknown,
  options: RunOptions,
): Promise<Outcome<unknown>> {
  assertKnownKeys("run options", options, ["key", "signal", "providers"]);
  const key = checkedKey(options.key);
  const request = exactJson("input", input);
  const fingerprint = fingerprintOf(request);
  const providers = chosenProviders(definition, options.providers);
  throwIfAborted(options.signal);
  const begun = await begin(engine, definition, {
    operation: definition.name,
    key,
    fingerprint,
    state: "SENDING",
    dueInMs: definition.leaseMs,
    providers,
    request,
    keyWindowMs: definition.providers.get(providers[0] ?? "")?.keyWindowMs,
  });
  if (!begun.fresh) return storedOutcome(begun.row, fingerprint);
  try {
    const { row } = await send(engine, definition, begun.held, "handOver", options.signal);
    return outcomeOf(row);
  } catch (error) {
    // The outcome is not written: when the lease ends the row is read as UNKNOWN, by any process.
    if (error instanceof WriteFailed || engine.store.sql.isTransient(error)) return pending(begun.held.row);
    throw error;
  } finally {
    engine.kick();
  }
}

function chosenProviders<Tx>(
  definition: AnyDefinition<Tx>,
  chosen: readonly string[] | undefined,
): readonly string[] {
  const all = [...definition.providers.keys()];
  if (chosen === undefined) return all;
  if (!Array.isArray(chosen) || chosen.length === 0 || new Set(chosen).size !== chosen.length) {
    throw new TypeError("providers must be a non-empty array of different names");
  }
  for (const name of chosen) {
    if (!all.includes(name)) {
      throw new RangeError(
        `providers: ${show(name)} is not one of ${all.map((each) => `"${each}"`).join(", ")}`,
      );
    }
  }
  return chosen;
}

function throwIfAborted(signal: AbortSignal | undefined): void {
  if (signal?.aborted !== true) return;
  throw new Failure("the caller aborted before anything was stored", {
    code: coreFailureCodes.callAborted,
    effect: "none",
    kind: "aborted",
    cause: signal.reason,
  });
}

function storedOutcome(row: OperationRow, fingerprint: string): Outcome<unknown> {
  if (row.fingerprint === fingerprint) return outcomeOf(row);
  throw new Failure(
    `key ${show(row.key)} of operation ${show(row.operation)} was used before with another input; use a new key for a new request`,
    { code: ledgerCodes.keyReused, effect: "none", kind: "rejected", transient: false },
  );
}

function outcomeOf(row: OperationRow): Outcome<unknown> {
  const { id, provider } = row;
  switch (row.state) {
    case "DONE":
      return {
        status: "committed",
        result: row.result === undefined ? undefined : (JSON.parse(row.result) as unknown),
        provider,
        id,
      };
    case "FAILED":
    case "CANCELLED":
      return { status: "abandoned", failure: JSON.parse(row.failure ?? "null") as AbandonedFailure, id };
    default:
      return pending(row);
  }
}

function pending({ id }: OperationRow): Outcome<never> {
  return { status: "pending", id };
}
