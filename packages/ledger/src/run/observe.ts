import { Failure, show } from "@outrigger/core";
import { ledgerFailureCodes } from "../failure.ts";
import type { Inquiry } from "../operation/definition.ts";
import type { Observed, ObserveOptions } from "../operation/operation.ts";
import { type EvidenceKind, operationTable } from "../state/transitions.ts";
import type { OperationRow, StoredOperation } from "../store/operation-row.ts";
import { storableText } from "../store/storable-text.ts";
import { type AnyDefinition, currentProvider, type Engine } from "./engine.ts";
import type { Evidence } from "./evidence.ts";
import { inquire, inquiryEvidence } from "./inquire.ts";
import { settle } from "./settle.ts";

/** What was learnt without having asked: by a webhook, a statement, or an answer that came late. */
export interface Observation {
  /** `succeeded` or `refused`. */
  readonly evidence: Evidence & { readonly by: string };
  /** Whose word it is. Undefined where there is one provider only, or it is the current one's. */
  readonly provider: string | undefined;
}

/** @throws TypeError or RangeError for what says nothing. */
export function observationOf<Tx>(
  definition: AnyDefinition<Tx>,
  learnt: Inquiry<unknown>,
  { by, provider }: ObserveOptions,
): Observation {
  if (typeof by !== "string" || by.trim() === "") {
    throw new TypeError(`observe.by must say where it comes from, for the history; got ${show(by)}`);
  }
  if (provider !== undefined && !definition.providers.has(provider)) {
    throw new RangeError(
      `observe.provider: operation ${show(definition.name)} has no provider ${show(provider)}`,
    );
  }
  const evidence = inquiryEvidence(learnt);
  if (evidence.kind !== "succeeded" && evidence.kind !== "refused") {
    throw new RangeError(
      `observe takes { status: "found", result } with a result that is JSON, or { status: "refused" }; got ${show(learnt)}`,
    );
  }
  return { evidence: { ...evidence, by: storableText(by) }, provider };
}

/** Workers may move the row between the read and the write; each time it is read again. */
const readsAtMost = 5;

/**
 * Puts evidence through the same table and the same fence as everything else, whatever state the operation is in.
 *
 * @throws WriteFailed; Failure `OUTCOME_UNKNOWN` when it contradicts a commit, and the provider could not be asked.
 */
export async function observe<Tx>(
  engine: Engine<Tx>,
  definition: AnyDefinition<Tx>,
  find: () => Promise<StoredOperation | undefined>,
  observation: Observation,
): Promise<Observed | undefined> {
  for (let reads = 1; reads <= readsAtMost; reads += 1) {
    const row = await find();
    if (row === undefined) return undefined;
    const kind = kindOf(row, observation);
    if (kind === "agreed") return kind;
    if (kind === undefined) return await noted(engine, row, observation);
    if (kind === "contradicted" && !(await isContradicted(engine, definition, row))) {
      return await noted(engine, row, observation);
    }
    // What has ended long ago comes back to where work is done.
    if (await engine.store.archiveRestore(row.id)) continue;
    const held = { row, leaseEndsAtMs: engine.clock.now() + definition.leaseMs, mine: true };
    const after = await settle(engine, definition, held, { ...observation.evidence, kind }, "handOver");
    engine.wake();
    if (after.mine) return "applied";
  }
  throw new Failure("workers kept moving the operation while evidence was put to it; tell it again", {
    code: ledgerFailureCodes.outcomeUnknown,
    effect: "none",
    transient: true,
  });
}

async function noted<Tx>(engine: Engine<Tx>, row: OperationRow, { evidence }: Observation): Promise<"noted"> {
  const { kind, code, message, by } = evidence;
  const why = code === undefined ? `${kind}, noted` : `${kind}: ${code}, noted`;
  await engine.store.archiveRestore(row.id);
  await engine.store.note(row, { why, evidence: message, by });
  return "noted";
}

/** What the evidence is in the state the row is in. Undefined when it decides nothing there. */
function kindOf(row: OperationRow, { evidence, provider }: Observation): EvidenceKind | "agreed" | undefined {
  const { state } = row;
  const tookEffect = evidence.kind === "succeeded";
  if (provider !== undefined && provider !== row.provider) return tookEffect ? "strayEffect" : undefined;
  if (state === "FAILED" || state === "CANCELLED") return tookEffect ? "lateArrival" : "agreed";
  if (state === "DONE") return tookEffect ? "agreed" : "contradicted";
  // A cancel goes on whatever is learnt, and a person's matter stays one.
  if (state === "CANCELLING" || (state === "MANUAL" && (row.personOnly || row.intent === "CANCEL"))) {
    return undefined;
  }
  return operationTable[state][evidence.kind] === undefined ? undefined : evidence.kind;
}

/** A "no" that arrives after a commit is mostly old news, so the provider is asked before a person is. */
async function isContradicted<Tx>(
  engine: Engine<Tx>,
  definition: AnyDefinition<Tx>,
  row: OperationRow,
): Promise<boolean> {
  if (currentProvider(definition, row)?.functions.inquire === undefined) return true;
  const held = { row, leaseEndsAtMs: engine.clock.now() + definition.leaseMs, mine: true };
  const { kind, message } = await inquire(engine, definition, held, undefined);
  if (kind === "succeeded" || kind === "commitRejected") return false;
  if (kind === "refused" || kind === "notFound") return true;
  throw new Failure(
    `evidence contradicts the committed operation with key ${show(row.key)}, and the inquiry did not tell which is right (${kind}: ${message ?? ""}); tell it again`,
    { code: ledgerFailureCodes.outcomeUnknown, effect: "none", transient: true },
  );
}
