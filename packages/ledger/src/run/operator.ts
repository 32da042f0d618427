import { assertKnownKeys, Failure, show } from "@outrigger/core";
import { ledgerFailureCodes } from "../failure.ts";
import { decide, type EvidenceKind, operationTable, type ProviderFacts } from "../state/transitions.ts";
import type { StoredOperation } from "../store/operation-row.ts";
import { storableText } from "../store/storable-text.ts";
import { about, messageOf } from "./describe.ts";
import { type AnyDefinition, currentProvider, type Engine } from "./engine.ts";
import { type Evidence, succeeded } from "./evidence.ts";
import { BusinessRejected } from "./outcome.ts";
import { absentProvider, settle } from "./settle.ts";

/** Who wants something done, and why; both go into the history. */
export interface ByPerson {
  readonly reason: string;
  readonly by: string;
}

type Find = () => Promise<StoredOperation | undefined>;

/** Workers may claim the row between the read and the write; each time it is read again. */
const readsAtMost = 5;

/** A person's way out of a state; see `Ledger.retry`. */
export async function retry<Tx>(
  engine: Engine<Tx>,
  find: Find,
  options: { readonly reason: string; readonly by?: string | undefined },
): Promise<StoredOperation> {
  assertKnownKeys("retry options", options, ["reason", "by"]);
  const reason = textAt("retry.reason", "why", options.reason);
  const by = options.by === undefined ? undefined : textAt("retry.by", "who", options.by);
  return await again(ledgerFailureCodes.notRetryable, find, async (row) => {
    if (operationTable[row.state].operatorRetry === undefined) {
      throw refused(ledgerFailureCodes.notRetryable, `an operation in ${row.state} needs no retry`);
    }
    return await intervene(engine, row, "operatorRetry", { reason, by });
  });
}

/** See `Ledger.cancel`. */
export async function cancelOnRequest<Tx>(
  engine: Engine<Tx>,
  definitionOf: (operation: string) => AnyDefinition<Tx> | undefined,
  find: Find,
  options: ByPerson,
): Promise<StoredOperation> {
  assertKnownKeys("cancel options", options, ["reason", "by"]);
  const reason = textAt("cancel.reason", "why", options.reason);
  const by = textAt("cancel.by", "who", options.by);
  return (await requestCancel(engine, definitionOf, find, { reason, by })).row;
}

/**
 * @param leavesCommitted - For who wants it not to take effect, and not to undo what has by then.
 * @returns the row, and whether this request moved it: then nobody else has it yet.
 */
export async function requestCancel<Tx>(
  engine: Engine<Tx>,
  definitionOf: (operation: string) => AnyDefinition<Tx> | undefined,
  find: Find,
  { reason, by }: ByPerson,
  leavesCommitted = false,
): Promise<{ readonly row: StoredOperation; readonly moved: boolean }> {
  return await again(ledgerFailureCodes.notCancellable, find, async (row) => {
    // Nothing stands, so nothing is left to undo.
    if (row.state === "FAILED" || row.state === "CANCELLED") return { row, moved: false };
    if (row.state === "DONE" && leavesCommitted) return { row, moved: false };
    if (
      row.state === "CANCELLING" ||
      (row.cancelWantedForMs !== undefined && row.state !== "MANUAL" && row.state !== "DONE")
    ) {
      await engine.store.note(row, { why: "cancelRequested", evidence: reason, by });
      return { row, moved: false };
    }
    const after =
      row.state === "DONE"
        ? await cancelCommitted(engine, definitionOf, row, { reason, by })
        : await intervene(engine, row, "cancelRequested", { reason, by });
    return after === undefined ? undefined : { row: after, moved: true };
  });
}

/** The intent is one-way here too: what the provider then refuses to undo is a person's. */
async function cancelCommitted<Tx>(
  engine: Engine<Tx>,
  definitionOf: (operation: string) => AnyDefinition<Tx> | undefined,
  row: StoredOperation,
  by: ByPerson,
): Promise<StoredOperation | undefined> {
  const definition = definitionOf(row.operation);
  if (definition === undefined) {
    const why = `operation ${show(row.operation)} is not defined in this process, so nobody knows whether it can be undone`;
    throw refused(ledgerFailureCodes.notCancellable, why);
  }
  const provider = currentProvider(definition, row) ?? absentProvider;
  if (decide(factsOf(row), "cancelRequested", provider).to === "DONE") throw committed(row);
  // What has ended long ago comes back to where work is done.
  if (await engine.store.archiveRestore(row.id)) return undefined;
  return await intervene(engine, row, "cancelRequested", by, provider);
}

/** See `Ledger.resolve`. */
export async function resolveByPerson<Tx>(
  engine: Engine<Tx>,
  definitionOf: (operation: string) => AnyDefinition<Tx> | undefined,
  find: Find,
  options: ByPerson & { readonly as: "committed" | "abandoned"; readonly result?: unknown },
): Promise<StoredOperation> {
  assertKnownKeys("resolve options", options, ["as", "reason", "by", "result"]);
  const reason = textAt("resolve.reason", "why", options.reason);
  const by = textAt("resolve.by", "who", options.by);
  if (options.as !== "committed" && options.as !== "abandoned") {
    throw new RangeError(`resolve.as must be "committed" or "abandoned"; got ${show(options.as)}`);
  }
  const code = ledgerFailureCodes.notResolvable;
  return await again(code, find, async (row) => {
    if (row.state !== "MANUAL") throw refused(code, `only MANUAL waits for a person; it is ${row.state}`);
    const definition = definitionOf(row.operation);
    if (definition === undefined) {
      throw refused(code, `operation ${show(row.operation)} is not defined in this process`);
    }
    if (options.as === "committed" && (row.intent === "CANCEL" || row.abandoned)) {
      const why = row.abandoned ? "its business row has been voided" : "its cancel has been begun";
      throw refused(code, `it cannot be committed, because ${why}; abandon it, and begin a new operation`);
    }
    const kind = options.as === "committed" ? "operatorCommitted" : "operatorAbandoned";
    const held = {
      row,
      leaseEndsAtMs: engine.clock.now() + definition.leaseMs,
      mine: true,
    };
    const settled = await settle(engine, definition, held, evidenceOf(kind, options, reason, by), "keep");
    return settled.mine ? await find() : undefined;
  });
}

function evidenceOf(
  kind: EvidenceKind,
  options: { readonly result?: unknown },
  reason: string,
  by: string,
): Evidence {
  const result = options.result === undefined ? undefined : succeeded(options.result).result;
  const failure = {
    code: ledgerFailureCodes.cancelled,
    message: storableText(reason),
    kind: "failed",
    effect: "none",
  } as const;
  return {
    kind,
    message: reason,
    by,
    result,
    ...(kind === "operatorAbandoned" && { failure }),
  };
}

/** A row that moves while it is looked at is looked at again. */
async function again<T>(
  code: string,
  find: Find,
  work: (row: StoredOperation) => Promise<T | undefined>,
): Promise<T> {
  for (let reads = 1; reads <= readsAtMost; reads += 1) {
    const row = await find();
    if (row === undefined) throw refused(code, "there is no such operation");
    const done = await work(row).catch((error: unknown) => {
      if (!(error instanceof BusinessRejected)) throw error;
      throw refused(code, `the business row could not take it: ${messageOf(error.cause)}`, error.cause);
    });
    if (done !== undefined) return done;
  }
  throw refused(code, "workers kept moving it while it was read");
}

async function intervene<Tx>(
  engine: Engine<Tx>,
  row: StoredOperation,
  why: "operatorRetry" | "cancelRequested",
  { reason, by }: { readonly reason: string; readonly by: string | undefined },
  provider: ProviderFacts = absentProvider,
): Promise<StoredOperation | undefined> {
  const { to } = decide(factsOf(row), why, provider);
  const moved = await engine.store.intervene(row, {
    to,
    why,
    reason,
    by,
    wantsCancel: why === "cancelRequested",
  });
  if (moved === undefined) return undefined;
  const { fence } = moved;
  engine.emit({ type: "operationMoved", from: row.state, to, why, fence, ...about(moved) });
  engine.wake();
  return moved;
}

function factsOf(row: StoredOperation): Parameters<typeof decide>[0] {
  return {
    state: row.state,
    intent: row.intent,
    inDoubt: row.inDoubt,
    resendRefused: row.resendRefused,
    cancelWanted: true,
    abandoned: row.abandoned,
    personOnly: row.personOnly,
    refused: false,
    anotherProvider: false,
    quietEnded: false,
    inFlightEnded: false,
    keyOpen: false,
    overdue: false,
    onNotFound: "manual",
    onFound: "complete",
    first: "inquire",
  };
}

export function textAt(path: string, what: "why" | "who", value: unknown): string {
  if (typeof value === "string" && value.trim() !== "") return storableText(value);
  throw new TypeError(`${path} must say ${what}, for the history; got ${show(value)}`);
}

function committed(row: StoredOperation): Failure {
  return refused(
    ledgerFailureCodes.notCancellable,
    `operation ${show(row.operation)} with key ${show(row.key)} was committed at ${row.updatedAt}, and its business ` +
      "row says so; its provider has no cancel, so undo it by an operation of its own, such as a refund, with a key " +
      "of its own",
  );
}

function refused(code: string, message: string, cause?: unknown): Failure {
  return new Failure(message, {
    code,
    effect: "none",
    kind: "rejected",
    transient: false,
    ...(cause !== undefined && { cause }),
  });
}
