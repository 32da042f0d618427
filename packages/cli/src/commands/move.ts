import { type OperationRecord, type PersonMove, personMoves, type Which } from "@outrigger/ledger";
import { type ExitCode, exitCodes, orInterrupted, Stop } from "../exit.ts";
import type { Session } from "../session.ts";
import type { Source } from "../source/source.ts";
import { safeJson } from "../terminal/safe-text.ts";
import type { Text } from "../text/en.ts";
import { agreed, type MoveFlags, type Person, personOf } from "./agree.ts";
import { next } from "./when.ts";

export interface ResolveFlags extends MoveFlags {
  readonly as: string;
  readonly result?: string;
}

/** A person's move, ready to be made once it has been agreed to. */
export interface Plan extends Person {
  readonly command: PersonMove;
  will(record: OperationRecord): string;
  make(source: Source, which: Which): Promise<OperationRecord>;
}

export function planRetry(session: Session, flags: MoveFlags): Plan {
  const person = personOf(session, flags);
  const { willRetry } = session.text.move;
  return {
    ...person,
    command: "retry",
    will: ({ state, intent }) =>
      state === "CANCELLING" || intent === "CANCEL" ? willRetry.CANCELLING : willRetry.other,
    make: (source, which) => source.ledger.retry(which, { reason: person.reason, by: person.by }),
  };
}

export function planCancel(session: Session, flags: MoveFlags): Plan {
  const person = personOf(session, flags);
  const { willCancel } = session.text.move;
  return {
    ...person,
    command: "cancel",
    will: ({ state }) =>
      state === "READY" || state === "SENDING" || state === "DONE" ? willCancel[state] : willCancel.other,
    make: (source, which) => source.ledger.cancel(which, { reason: person.reason, by: person.by }),
  };
}

export function planResolve(session: Session, flags: ResolveFlags): Plan {
  const { text } = session;
  const person = personOf(session, flags);
  const { as } = flags;
  if (as !== "committed" && as !== "abandoned") throw new Stop(exitCodes.usage, text.usage.badAs);
  if (flags.result !== undefined && as !== "committed") {
    throw new Stop(exitCodes.usage, text.usage.resultOnlyCommitted);
  }
  const result = flags.result === undefined ? {} : { result: jsonOf(session, flags.result) };
  return {
    ...person,
    command: "resolve",
    will: () => (as === "committed" ? text.move.willCommit : text.move.willAbandon),
    make: (source, which) =>
      source.ledger.resolve(which, { as, reason: person.reason, by: person.by, ...result }),
  };
}

export async function move(
  session: Session,
  source: Source,
  which: Which,
  plan: Plan,
  flags: MoveFlags,
): Promise<ExitCode> {
  const { terminal, text } = session;
  const { signal } = terminal;
  const record = await orInterrupted(signal, text.failure.interrupted, source.ledger.find(which));
  if (record === undefined) throw new Stop(exitCodes.problem, text.failure.notFound);
  // Only the app knows whether what was committed can be undone.
  if (plan.command === "cancel" && record.state === "DONE" && source.database !== undefined) {
    throw new Stop(exitCodes.problem, text.failure.refused(text.move.notNow.cancelDone));
  }
  if (!personMoves(record).includes(plan.command) && !asksAgain(plan.command, record)) {
    throw new Stop(exitCodes.problem, text.failure.refused(notNow(text, plan.command, record)));
  }
  const title = `${plan.command} ${record.operation} ${record.key} (${record.state})`;
  if (!(await agreed(session, { title, will: plan.will(record) }, plan, flags))) return exitCodes.problem;
  const after = await orInterrupted(
    signal,
    text.failure.interruptedMove("outrigger ledger show"),
    plan.make(source, record.id),
  );
  if (flags.json === true) await terminal.out(safeJson(after));
  else {
    await terminal.out(text.move.now(after.state));
    if (after.nextAt !== null) await terminal.out(text.move.nextStep(next(text, after)));
  }
  return exitCodes.done;
}

/** A cancel that was asked for already is noted once more. */
function asksAgain(command: PersonMove, { state, cancelRequested }: OperationRecord): boolean {
  const open = state !== "DONE" && state !== "FAILED" && state !== "CANCELLED";
  return command === "cancel" && open && (cancelRequested || state === "CANCELLING");
}

function notNow({ move: { notNow } }: Text, command: PersonMove, { state }: OperationRecord): string {
  if (command === "retry") return notNow.retry(state);
  if (command === "resolve") return notNow.resolve(state);
  return notNow.cancelNothing(state);
}

function jsonOf({ text }: Session, given: string): unknown {
  try {
    return JSON.parse(given) as unknown;
  } catch {
    throw new Stop(exitCodes.usage, text.usage.badResult);
  }
}
