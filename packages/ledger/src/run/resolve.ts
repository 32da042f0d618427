import { ledgerFailureCodes } from "../failure.ts";
import type { OperationRow } from "../store/operation-row.ts";
import { messageOf } from "./describe.ts";
import { type AnyDefinition, currentProvider, type Engine, type Held } from "./engine.ts";
import type { Evidence } from "./evidence.ts";
import { cancel, inquire } from "./inquire.ts";
import { send } from "./send.ts";
import { settle } from "./settle.ts";
import type { StopSignal } from "./stop-signal.ts";
import { WriteFailed } from "./write.ts";

/**
 * Takes a claimed operation as far as it can go now: to its end, or to the next time it is to be tried.
 *
 * @throws WriteFailed
 */
export async function resolve<Tx>(
  engine: Engine<Tx>,
  definition: AnyDefinition<Tx>,
  claimed: Held,
  signal: StopSignal,
): Promise<Held> {
  await engine.step("resolve.claimed");
  let held = claimed;
  if (held.row.state === "READY" || held.row.state === "SENDING" || cancelsUnasked(definition, held.row)) {
    held = await settle(engine, definition, held, { kind: "claimed" }, "keep");
  }
  for (;;) {
    const before = held.row.state;
    const resent = before === "SENDING" && held.row.inDoubt;
    if (!held.mine) return held;
    if (before === "SENDING") {
      held = await send(engine, definition, held, "keep", signal);
    } else if (before === "UNKNOWN") {
      const learnt = await inquire(engine, definition, held, signal);
      held = await settleOrWait(engine, definition, held, learnt, "inquiryFailed");
    } else if (before === "CANCELLING") {
      const learnt = await cancel(engine, definition, held, signal);
      held = await settleOrWait(engine, definition, held, learnt, "cancelFailed");
    } else {
      return held;
    }
    // Nothing new was learnt: it has been put back, with a wait.
    if (held.row.state === before || (resent && held.row.state === "UNKNOWN")) return held;
  }
}

/** An unknown outcome that is to be undone without asking. */
function cancelsUnasked<Tx>(definition: AnyDefinition<Tx>, row: OperationRow): boolean {
  if (row.state !== "UNKNOWN" || currentProvider(definition, row)?.cancelBlocksLateOriginal !== true)
    return false;
  return definition.first === "cancel" || row.cancelWantedForMs !== undefined;
}

/** What was learnt but can never be written is an error like any other: with waits, and a person in the end. */
async function settleOrWait<Tx>(
  engine: Engine<Tx>,
  definition: AnyDefinition<Tx>,
  held: Held,
  learnt: Evidence,
  otherwise: "inquiryFailed" | "cancelFailed",
): Promise<Held> {
  try {
    return await settle(engine, definition, held, learnt, "keep");
  } catch (error) {
    const cause = error instanceof WriteFailed ? error.cause : error;
    if (engine.store.sql.isTransient(cause)) throw error;
    const message = `what was learnt could not be written: ${messageOf(cause)}`;
    const { writeRejected } = ledgerFailureCodes;
    return await settle(engine, definition, held, { kind: otherwise, code: writeRejected, message }, "keep");
  }
}
