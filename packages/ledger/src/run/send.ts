import { Failure } from "@outrigger/core";
import { ledgerFailureCodes } from "../failure.ts";
import type { AbandonedFailure, CallInfo } from "../operation/definition.ts";
import { cancelKeyOf } from "../operation/key.ts";
import { storableText } from "../store/storable-text.ts";
import { boundedCall } from "./bounded-call.ts";
import { about, codeOf, messageOf } from "./describe.ts";
import { type AnyDefinition, currentProvider, type Engine, type Held, marginMs } from "./engine.ts";
import { type Evidence, succeeded } from "./evidence.ts";
import { type AfterMove, settle } from "./settle.ts";

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
  signal: AbortSignal | undefined,
): Promise<Held> {
  let held = start;
  while (held.mine && held.row.state === "SENDING") {
    await engine.step("call.before");
    held = await withEnoughLease(engine, definition, held);
    if (!held.mine) break;
    const evidence = await callOnce(engine, definition, held, signal);
    await engine.step("call.after");
    held = await settle(engine, definition, held, evidence, after);
  }
  return held;
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
  signal: AbortSignal | undefined,
): Promise<Evidence> {
  const provider = currentProvider(definition, held.row);
  const startedAtMs = engine.clock.now();
  const evidence =
    provider === undefined
      ? {
          kind: "unclear" as const,
          code: ledgerFailureCodes.providerGone,
          message: `provider "${held.row.provider}" is not defined here`,
        }
      : await callProvider(engine, definition, held, signal, (input, info) =>
          provider.functions.call(input, info),
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

/** Runs one of the provider's functions within the lease. */
export function callProvider<Tx, T>(
  engine: Engine<Tx>,
  definition: AnyDefinition<Tx>,
  { row, leaseEndsAtMs }: Held,
  signal: AbortSignal | undefined,
  work: (input: unknown, info: CallInfo) => Promise<T>,
): Promise<T> {
  const margin = marginMs(definition.leaseMs);
  const deadlineAtMs = leaseEndsAtMs - margin;
  return boundedCall(
    {
      clock: engine.clock,
      deadlineAtMs,
      graceMs: margin / 2,
      signal,
      onLate: () => engine.emit({ type: "lateAnswer", ...about(row) }),
    },
    (inner) =>
      work(JSON.parse(row.request), {
        key: row.key,
        cancelKey: cancelKeyOf(row.key),
        provider: row.provider,
        signal: inner,
        attempt: row.attempt,
        deadlineAtMs,
      }),
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
