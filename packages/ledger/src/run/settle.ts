import { ledgerFailureCodes } from "../failure.ts";
import type { AbandonedFailure } from "../operation/definition.ts";
import {
  decide,
  type EvidenceKind,
  intentAfter,
  type OperationFacts,
  type OperationState,
  type ProviderFacts,
  settledStates,
  type Transition,
} from "../state/transitions.ts";
import type { Move, OperationRow } from "../store/operation-row.ts";
import { storableText } from "../store/storable-text.ts";
import { messageOf } from "./describe.ts";
import { type AnyDefinition, currentProvider, type Engine, type Held } from "./engine.ts";
import type { Evidence } from "./evidence.ts";
import { BusinessRejected } from "./outcome.ts";
import { write } from "./write.ts";

/**
 * What a worker does with an operation that is not settled after a move: `handOver` lets any resolver have it
 * at once; `keep` goes on with it, and backs off only when there is nothing new.
 */
export type AfterMove = "handOver" | "keep";

/**
 * Turns evidence into a durable, fenced move, together with the business row.
 *
 * When the user's transaction refuses the outcome, that refusal is the next piece of evidence.
 *
 * @throws WriteFailed
 */
export async function settle<Tx>(
  engine: Engine<Tx>,
  definition: AnyDefinition<Tx>,
  held: Held,
  evidence: Evidence,
  after: AfterMove,
): Promise<Held> {
  const provider = currentProvider(definition, held.row) ?? absentProvider;
  const transition = decide(factsOf(engine, definition, held.row, evidence), evidence.kind, provider);
  const move = moveFor(engine, definition, held.row, evidence, transition, after);
  try {
    const written = await write(engine, definition, held, move, transition, evidence);
    // Somebody asked for a cancel while this was learnt: the same evidence, decided anew.
    if (written.overtaken !== undefined) {
      return await settle(engine, definition, { ...held, row: written.overtaken }, evidence, after);
    }
    return written.held;
  } catch (error) {
    // What a person says is not turned into something else.
    if (!(error instanceof BusinessRejected) || personsWord.has(evidence.kind)) throw error;
    const refusal = {
      kind: transition.business === "commit" ? "commitRejected" : "abandonRejected",
      code: ledgerFailureCodes.commitRejected,
      message: `${transition.business}: ${messageOf(error.cause)}`,
      result: evidence.result,
      by: evidence.by,
    } as const;
    return await settle(engine, definition, held, refusal, after);
  }
}

/** Tries before an age alone may hand an operation to a person; a restart after a long outage is no reason. */
const triesBeforeManual = 5;

const personsWord: ReadonlySet<EvidenceKind> = new Set(["operatorCommitted", "operatorAbandoned"]);

/** Evidence that is an error on the way, and not an answer. */
const errors: ReadonlySet<EvidenceKind> = new Set([
  "unclear",
  "inquiryFailed",
  "cancelFailed",
  "cancelRefused",
  "commitRejected",
  "abandonRejected",
]);

export const absentProvider: ProviderFacts = {
  canInquire: false,
  canCancel: false,
  cancelBlocksLateOriginal: false,
};

function factsOf<Tx>(
  engine: Engine<Tx>,
  definition: AnyDefinition<Tx>,
  row: OperationRow,
  evidence: Evidence,
): OperationFacts {
  const nowMs = engine.clock.now();
  const sinceReadMs = nowMs - row.readAtMs;
  // An answer tells of the time at which the question was asked; an original may have arrived since.
  const { askedAtMs = nowMs } = evidence;
  return {
    state: row.state,
    intent: row.intent,
    inDoubt: row.inDoubt,
    refused: evidence.failure?.kind === "refused",
    resendRefused: row.resendRefused,
    cancelWanted: row.cancelWantedForMs !== undefined,
    abandoned: row.abandoned,
    personOnly: row.personOnly,
    anotherProvider: mayFailOver(definition, evidence) && providerAfter(row) !== undefined,
    quietEnded: quietLeftMs(definition, row, askedAtMs) <= 0,
    inFlightEnded: inFlightLeftMs(definition, row, askedAtMs) <= 0,
    // A send that starts now may last as long as its lease.
    keyOpen: row.keyLeftMs - sinceReadMs > definition.leaseMs,
    overdue: row.tries >= triesBeforeManual && unsettledForMs(row) + sinceReadMs >= definition.manualAfterMs,
    onNotFound: definition.onNotFound,
    onFound: definition.onFound,
    first: definition.first,
  };
}

function unsettledForMs(row: OperationRow): number {
  if (row.state === "CANCELLING") return row.cancellingForMs;
  return row.state === "READY" ? (row.cancelWantedForMs ?? 0) : row.unknownForMs;
}

function mayFailOver<Tx>(definition: AnyDefinition<Tx>, evidence: Evidence): boolean {
  const kind = evidence.failure?.kind;
  return kind !== "aborted" && (kind !== "refused" || definition.failoverOnRefusal);
}

function providerAfter(row: OperationRow): string | undefined {
  return row.providers[row.providers.indexOf(row.provider) + 1];
}

function moveFor<Tx>(
  engine: Engine<Tx>,
  definition: AnyDefinition<Tx>,
  row: OperationRow,
  evidence: Evidence,
  transition: Transition,
  after: AfterMove,
): Move {
  const provider = transition.nextProvider ? (providerAfter(row) ?? row.provider) : row.provider;
  const { from, to } = transition;
  return {
    from,
    to,
    intent: intentAfter(row.intent, to),
    provider,
    inDoubt: row.inDoubt || to === "UNKNOWN",
    // What has ended without an effect has voided its row, also before that was written down.
    abandoned:
      transition.business === undefined
        ? row.abandoned || from === "FAILED" || from === "CANCELLED"
        : transition.business === "abandon",
    resendRefused: row.resendRefused || (row.inDoubt && evidence.failure?.kind === "refused"),
    personOnly: to === "MANUAL" && (row.personOnly || forPersonOnly.has(evidence.kind)),
    afresh: settled.has(from),
    by: evidence.by,
    dueInMs: dueInMs(engine, definition, row, evidence, transition, after),
    result: evidence.result,
    failure: failureFor(row, evidence, transition),
    keyWindowMs: definition.providers.get(provider)?.keyWindowMs,
    why: evidence.code === undefined ? evidence.kind : `${evidence.kind}: ${storableText(evidence.code)}`,
    evidence: evidence.message === undefined ? undefined : storableText(evidence.message),
    error: errors.has(evidence.kind)
      ? {
          code: evidence.code === undefined ? undefined : storableText(evidence.code),
          message: storableText(evidence.message ?? evidence.kind),
        }
      : undefined,
  };
}

/** More than one effect may stand, or none where one is recorded: nothing that is learnt settles that. */
const forPersonOnly: ReadonlySet<EvidenceKind> = new Set(["strayEffect", "contradicted"]);
const settled: ReadonlySet<OperationState> = new Set(settledStates);

function dueInMs<Tx>(
  engine: Engine<Tx>,
  definition: AnyDefinition<Tx>,
  row: OperationRow,
  evidence: Evidence,
  { from, to }: Transition,
  after: AfterMove,
): number | undefined {
  if (to === "SENDING") return definition.leaseMs;
  if (to !== "UNKNOWN" && to !== "CANCELLING" && to !== "READY") return undefined;
  if (after === "handOver") return 0;
  if (from !== to && !isVainResend(row, evidence, to)) return definition.leaseMs;
  const ceilingMs = Math.min(
    definition.retryMaxMs,
    definition.retryFirstMs * 2 ** Math.min(30, Math.max(0, row.tries - 1)),
  );
  // Half of the wait is jitter: enough to spread workers, and never a wait of nothing.
  const backoffMs = ceilingMs * (0.5 + engine.random() / 2);
  if (evidence.kind !== "notFound") return backoffMs;
  // Not before it can be acted upon, and then at once.
  const nowMs = engine.clock.now();
  const leftMs = [quietLeftMs(definition, row, nowMs), inFlightLeftMs(definition, row, nowMs)];
  return Math.min(backoffMs, ...leftMs.filter((ms) => ms > 0));
}

/** A send after the first that told nothing: asking and sending again has to wait, or it would never pause. */
function isVainResend(row: OperationRow, evidence: Evidence, to: OperationState): boolean {
  return row.state === "SENDING" && row.inDoubt && evidence.kind !== "claimed" && to === "UNKNOWN";
}

/** Until "not found" may be acted upon. */
function quietLeftMs<Tx>(definition: AnyDefinition<Tx>, row: OperationRow, atMs: number): number {
  const delayMs = currentProvider(definition, row)?.consistencyDelayMs ?? 0;
  const sentForMs = row.sentForMs + (atMs - row.readAtMs);
  return Math.max(definition.notFoundAfterMs, delayMs) - sentForMs;
}

/** Until nothing that was sent can still be under way; never without a declared bound. */
function inFlightLeftMs<Tx>(definition: AnyDefinition<Tx>, row: OperationRow, atMs: number): number {
  const provider = currentProvider(definition, row);
  if (provider?.maxInFlightMs === undefined) return Number.POSITIVE_INFINITY;
  const sentForMs = row.sentForMs + (atMs - row.readAtMs);
  // Whoever had it may have sent until the end of its lease.
  return definition.leaseMs + provider.maxInFlightMs + provider.consistencyDelayMs - sentForMs;
}

function failureFor(row: OperationRow, evidence: Evidence, { to }: Transition): string | undefined {
  if (to !== "FAILED" && to !== "CANCELLING" && to !== "CANCELLED") return undefined;
  if (to === "FAILED" && evidence.failure !== undefined) return JSON.stringify(evidence.failure);
  // The reason that led to the cancel stays; the cancel's own answer adds nothing for the caller.
  if (row.failure !== undefined) return undefined;
  if (evidence.failure !== undefined) return JSON.stringify(evidence.failure);
  return JSON.stringify({ ...reasonFor(row, evidence, to), kind: "failed", effect: "none" });
}

function reasonFor(
  row: OperationRow,
  { kind, message }: Evidence,
  to: OperationState,
): Pick<AbandonedFailure, "code" | "message"> {
  if (kind === "commitRejected") {
    const why = `it took effect, but the local transaction could not take it, so it was cancelled (${message})`;
    return { code: ledgerFailureCodes.commitRejected, message: storableText(why) };
  }
  if (row.cancelWantedForMs !== undefined) {
    return { code: ledgerFailureCodes.cancelled, message: "it was cancelled on request" };
  }
  if (to === "FAILED") {
    const text = "it was not found, and nothing can be under way any more";
    return { code: ledgerFailureCodes.outcomeUnknown, message: text };
  }
  if (kind === "notFound" || kind === "unclear" || kind === "claimed") {
    const text = "its outcome was unknown and could not be found out, so it was cancelled";
    return { code: ledgerFailureCodes.outcomeUnknown, message: text };
  }
  return { code: ledgerFailureCodes.cancelled, message: "its outcome was unknown, so it was cancelled" };
}
