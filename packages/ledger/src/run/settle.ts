import { ledgerFailureCodes } from "../failure.ts";
import type { AbandonedFailure } from "../operation/definition.ts";
import {
  decide,
  type EvidenceKind,
  intentAfter,
  type OperationFacts,
  type OperationState,
  type Transition,
} from "../state/transitions.ts";
import { storableText } from "../store/storable-text.ts";
import type { Move, OperationRow } from "../store/store.ts";
import { messageOf } from "./describe.ts";
import { type AnyDefinition, currentProvider, type Engine, type Held } from "./engine.ts";
import type { Evidence } from "./evidence.ts";
import { BusinessRejected, write } from "./write.ts";

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
    return await write(engine, definition, held, move, transition, evidence);
  } catch (error) {
    if (!(error instanceof BusinessRejected)) throw error;
    const refusal = {
      kind: transition.business === "commit" ? "commitRejected" : "abandonRejected",
      code: ledgerFailureCodes.commitRejected,
      message: `${transition.business}: ${messageOf(error.cause)}`,
      result: evidence.result,
    } as const;
    return await settle(engine, definition, held, refusal, after);
  }
}

/** Tries before an age alone may hand an operation to a person; a restart after a long outage is no reason. */
const triesBeforeManual = 5;

/** Evidence that is an error on the way, and not an answer. */
const errors: ReadonlySet<EvidenceKind> = new Set([
  "unclear",
  "inquiryFailed",
  "cancelFailed",
  "cancelRefused",
  "commitRejected",
  "abandonRejected",
]);

const absentProvider = { canCancel: false, cancelBlocksLateOriginal: false } as const;

function factsOf<Tx>(
  engine: Engine<Tx>,
  definition: AnyDefinition<Tx>,
  row: OperationRow,
  evidence: Evidence,
): OperationFacts {
  const sinceReadMs = engine.clock.now() - row.readAtMs;
  const unsettledForMs = (row.state === "CANCELLING" ? row.cancellingForMs : row.unknownForMs) + sinceReadMs;
  return {
    state: row.state,
    intent: row.intent,
    inDoubt: row.inDoubt,
    refused: evidence.failure?.kind === "refused",
    anotherProvider: mayFailOver(definition, evidence) && providerAfter(row) !== undefined,
    quietEnded: quietLeftMs(engine, definition, row) <= 0,
    // A send that starts now may last as long as its lease.
    keyOpen: row.keyLeftMs - sinceReadMs > definition.leaseMs,
    overdue: row.tries >= triesBeforeManual && unsettledForMs >= definition.manualAfterMs,
    onNotFound: definition.onNotFound,
  };
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

function dueInMs<Tx>(
  engine: Engine<Tx>,
  definition: AnyDefinition<Tx>,
  row: OperationRow,
  evidence: Evidence,
  { from, to }: Transition,
  after: AfterMove,
): number | undefined {
  if (to === "SENDING") return definition.leaseMs;
  if (to !== "UNKNOWN" && to !== "CANCELLING") return undefined;
  if (after === "handOver") return 0;
  if (from !== to && !isVainResend(row, evidence, to)) return definition.leaseMs;
  const ceilingMs = Math.min(
    definition.retryMaxMs,
    definition.retryFirstMs * 2 ** Math.min(30, Math.max(0, row.tries - 1)),
  );
  // Half of the wait is jitter: enough to spread workers, and never a wait of nothing.
  const backoffMs = ceilingMs * (0.5 + engine.random() / 2);
  if (evidence.kind !== "notFound") return backoffMs;
  const leftMs = quietLeftMs(engine, definition, row);
  return leftMs > 0 ? Math.min(backoffMs, leftMs) : backoffMs;
}

/** A send after the first that told nothing: asking and sending again has to wait, or it would never pause. */
function isVainResend(row: OperationRow, evidence: Evidence, to: OperationState): boolean {
  return row.state === "SENDING" && row.inDoubt && evidence.kind !== "claimed" && to === "UNKNOWN";
}

/** Until "not found" may be acted upon. */
function quietLeftMs<Tx>(engine: Engine<Tx>, definition: AnyDefinition<Tx>, row: OperationRow): number {
  const delayMs = currentProvider(definition, row)?.consistencyDelayMs ?? 0;
  const sentForMs = row.sentForMs + (engine.clock.now() - row.readAtMs);
  return Math.max(definition.notFoundAfterMs, delayMs) - sentForMs;
}

function failureFor(row: OperationRow, evidence: Evidence, { to }: Transition): string | undefined {
  if (to === "FAILED") return JSON.stringify(evidence.failure);
  if (to !== "CANCELLING" && to !== "CANCELLED") return undefined;
  // The reason that led to the cancel stays; the cancel's own answer adds nothing for the caller.
  if (row.failure !== undefined) return undefined;
  if (evidence.failure !== undefined) return JSON.stringify(evidence.failure);
  const rejected = evidence.kind === "commitRejected";
  const reason: AbandonedFailure = {
    code: rejected
      ? ledgerFailureCodes.commitRejected
      : evidence.kind === "notFound"
        ? ledgerFailureCodes.outcomeUnknown
        : ledgerFailureCodes.cancelled,
    message: storableText(
      rejected
        ? `it took effect, but the local transaction could not take it, so it was cancelled (${evidence.message})`
        : "its outcome was unknown and could not be found out, so it was cancelled",
    ),
    kind: "failed",
    effect: "none",
  };
  return JSON.stringify(reason);
}
