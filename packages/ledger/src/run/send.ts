import { Failure } from "@outrigger/core";
import { ledgerFailureCodes } from "../failure.ts";
import type { AbandonedFailure } from "../operation/definition.ts";
import type { OperationRow, StoredOperation } from "../store/operation-row.ts";
import { storableText } from "../store/storable-text.ts";
import { callProvider } from "./call-provider.ts";
import { about, codeOf, messageOf } from "./describe.ts";
import { type AnyDefinition, currentProvider, type Engine, type Held } from "./engine.ts";
import { type Evidence, succeeded } from "./evidence.ts";
import { gone } from "./inquire.ts";
import { observe } from "./observe.ts";
import { type AfterMove, settle } from "./settle.ts";
import type { StopSignal } from "./stop-signal.ts";

/**
 * Asks the operation's provider for its effect, then the next ones while the effect is `none`, and writes down
 * what came of it. Ends with the operation out of SENDING, or out of this worker's hands.
 *
 * @throws WriteFailed
 */
export async function send<Tx>(
  engine: Engine<Tx>,
  definition: AnyDefinition<Tx>,
  start: Held,
  after: AfterMove,
  signal: StopSignal | undefined,
): Promise<Held> {
  let held = start;
  while (held.mine && held.row.state === "SENDING") {
    await engine.step("call.before");
    await engine.turn.hold();
    held = await withEnoughLease(engine, definition, held);
    if (!held.mine) break;
    const evidence = mayBeForgotten(held) ? forgotten : await callOnce(engine, definition, held, signal);
    await engine.step("call.after");
    const sent = held;
    held = await settle(engine, definition, held, evidence, after);
    // The row has gone to others; what was learnt of the money must not go with it.
    if (!held.mine && evidence.kind === "succeeded") {
      held = await lateSuccess(engine, definition, sent.row, evidence, held);
    }
  }
  return held;
}

/** A renewed lease may last longer than the provider keeps the key; a second send would then be a second effect. */
function mayBeForgotten({ row, leaseEndsAtMs }: Held): boolean {
  return row.inDoubt && row.readAtMs + row.keyLeftMs < leaseEndsAtMs;
}

const forgotten: Evidence = {
  kind: "unclear",
  code: ledgerFailureCodes.keyExpired,
  message: "it was not sent again, because the provider may have forgotten its key by the time it arrives",
};

async function lateSuccess<Tx>(
  engine: Engine<Tx>,
  definition: AnyDefinition<Tx>,
  row: OperationRow,
  evidence: Evidence,
  held: Held,
): Promise<Held> {
  const find = (): Promise<StoredOperation | undefined> => engine.store.find(row.id);
  const { provider } = row;
  await observe(engine, definition, find, { evidence: { ...evidence, by: "late answer" }, provider });
  return { ...held, row: (await find()) ?? held.row };
}

/**
 * Nothing is sent that could end after the lease: with less than half of it left it is renewed first, and a
 * worker that no longer has the row learns it here.
 */
async function withEnoughLease<Tx>(
  engine: Engine<Tx>,
  definition: AnyDefinition<Tx>,
  held: Held,
): Promise<Held> {
  let current = held;
  // Again when the renewal itself took too long: the check has to stand right before the send.
  while (current.leaseEndsAtMs - engine.clock.now() < definition.leaseMs / 2) {
    const row = await engine.store.renew(current.row, definition.leaseMs);
    if (row === undefined) {
      engine.emit({ type: "zombieStopped", fence: held.row.fence, ...about(held.row) });
      return { row: (await engine.store.find(held.row.id)) ?? held.row, leaseEndsAtMs: 0, mine: false };
    }
    current = { row, leaseEndsAtMs: row.readAtMs + definition.leaseMs, mine: true };
  }
  return current;
}

async function callOnce<Tx>(
  engine: Engine<Tx>,
  definition: AnyDefinition<Tx>,
  held: Held,
  signal: StopSignal | undefined,
): Promise<Evidence> {
  const provider = currentProvider(definition, held.row);
  const startedAtMs = engine.clock.now();
  const evidence =
    provider === undefined
      ? gone(held, "unclear")
      : await callProvider(
          engine,
          definition,
          held,
          signal,
          (input, info) => provider.functions.call(input, info),
          (outcome) => answeredLate(engine, definition, held, outcome),
        ).then(succeeded, callEvidence);
  engine.emit({
    type: "callEnded",
    attempt: held.row.attempt,
    evidence: evidence.kind,
    code: evidence.code,
    durationMs: engine.clock.now() - startedAtMs,
    ...about(held.row),
  });
  return evidence;
}

/** A success is kept as evidence; whatever else comes late is less than what an inquiry will find. */
function answeredLate<Tx>(
  engine: Engine<Tx>,
  definition: AnyDefinition<Tx>,
  held: Held,
  outcome: PromiseSettledResult<unknown>,
): void {
  if (outcome.status === "rejected") return;
  lateSuccess(engine, definition, held.row, succeeded(outcome.value), held).catch((error: unknown) =>
    engine.emit({ type: "databaseFailed", during: "lateAnswer", code: codeOf(error) }),
  );
}

function callEvidence(error: unknown): Evidence {
  const code = codeOf(error);
  const message = messageOf(error);
  if (!Failure.is(error) || error.effect !== "none") return { kind: "unclear", code, message };
  return { kind: "noEffect", code, message, failure: reasonOf(error) };
}

function reasonOf(failure: Failure): AbandonedFailure {
  return {
    code: codeOf(failure) ?? ledgerFailureCodes.refused,
    message: storableText(messageOf(failure)),
    kind: failure.kind,
    effect: "none",
    ...(failure.retryAfterMs === undefined ? {} : { retryAfterMs: failure.retryAfterMs }),
  };
}
