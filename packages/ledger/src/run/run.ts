import { assertKnownKeys, coreFailureCodes, Failure, show } from "@outrigger/core";
import { ledgerFailureCodes } from "../failure.ts";
import type { AbandonedFailure } from "../operation/definition.ts";
import { exactJson } from "../operation/exact-json.ts";
import { fingerprintOf } from "../operation/fingerprint.ts";
import { checkedKey } from "../operation/key.ts";
import type { EnqueueOptions, Outcome, RunOptions } from "../operation/operation.ts";
import type { NewOperation, OperationRow } from "../store/operation-row.ts";
import { begin, beginIn } from "./begin.ts";
import type { AnyDefinition, Engine } from "./engine.ts";
import { send } from "./send.ts";
import { WriteFailed } from "./write.ts";

/** Stores the intent, calls the provider, and stores the outcome; see `Operation.run`. */
export async function run<Tx>(
  engine: Engine<Tx>,
  definition: AnyDefinition<Tx>,
  input: unknown,
  options: RunOptions,
): Promise<Outcome<unknown>> {
  assertKnownKeys("run options", options, ["key", "signal", "providers"]);
  const { key, request, fingerprint, providers } = checkedRequest(definition, input, options);
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

/** Stores the intent alone; see `Operation.enqueue`. */
export async function enqueue<Tx>(
  engine: Engine<Tx>,
  definition: AnyDefinition<Tx>,
  input: unknown,
  options: EnqueueOptions<Tx>,
): Promise<Outcome<unknown>> {
  assertKnownKeys("enqueue options", options, ["key", "tx", "providers"]);
  const { key, request, fingerprint, providers } = checkedRequest(definition, input, options);
  const fresh: NewOperation = {
    operation: definition.name,
    key,
    fingerprint,
    state: "READY",
    dueInMs: 0,
    providers,
    request,
    keyWindowMs: undefined,
  };
  const { tx } = options;
  const begun =
    tx === undefined ? await begin(engine, definition, fresh) : await beginIn(engine, definition, fresh, tx);
  if (!begun.fresh) return storedOutcome(begun.row, fingerprint);
  if (tx === undefined) engine.wake();
  return pending(begun.held.row);
}

function checkedRequest<Tx>(
  definition: AnyDefinition<Tx>,
  input: unknown,
  options: Pick<RunOptions, "key" | "providers">,
): Pick<NewOperation, "key" | "request" | "fingerprint" | "providers"> {
  const key = checkedKey(options.key);
  const request = exactJson("input", input);
  const fingerprint = fingerprintOf(request);
  return { key, request, fingerprint, providers: chosenProviders(definition, options.providers) };
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

export function throwIfAborted(signal: AbortSignal | undefined): void {
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
    { code: ledgerFailureCodes.keyReused, effect: "none", kind: "rejected", transient: false },
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
      return abandoned(row);
    default:
      // An effect that arrived late is being undone; what was said of the order stays true.
      return row.abandoned ? abandoned(row) : pending(row);
  }
}

function abandoned({ id, failure }: OperationRow): Outcome<never> {
  return { status: "abandoned", failure: JSON.parse(failure ?? "null") as AbandonedFailure, id };
}

function pending({ id }: OperationRow): Outcome<never> {
  return { status: "pending", id };
}
