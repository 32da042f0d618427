import { userInfo } from "node:os";
import { type OperationRecord, type PersonMove, personMoves, type Which } from "@outrigger/ledger";
import { type ExitCode, exitCodes, orInterrupted, Stop } from "../exit.ts";
import type { Session } from "../session.ts";
import type { Source, SourceOptions } from "../source/source.ts";
import { safe, safeJson } from "../terminal/safe-text.ts";
import type { Text } from "../text/en.ts";
import { said } from "./values.ts";
import { next } from "./when.ts";

export interface MoveFlags extends SourceOptions {
  readonly reason: string;
  readonly by?: string;
  readonly yes?: boolean;
  readonly json?: boolean;
}

export interface ResolveFlags extends MoveFlags {
  readonly as: string;
  readonly result?: string;
}

/** A person's move, ready to be made once it has been agreed to. */
export interface Plan {
  readonly command: PersonMove;
  readonly reason: string;
  readonly by: string;
  readonly byTold: boolean;
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

/** Whether somebody can be asked is known before the database is. */
export function assertAgreed({ terminal, text }: Session, command: PersonMove, flags: MoveFlags): void {
  if (flags.yes === true || terminal.canAsk) return;
  throw new Stop(exitCodes.usage, text.usage.notAsked(command));
}

export async function move(
  session: Session,
  source: Source,
  which: Which,
  plan: Plan,
  flags: MoveFlags,
): Promise<ExitCode> {
  const { terminal, text } = session;
  const { sayStyle } = terminal;
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
  terminal.say(sayStyle.bold(`${plan.command} ${record.operation} ${record.key} (${record.state})`));
  terminal.say(plan.will(record));
  terminal.say(text.move.because(safe(plan.reason)));
  terminal.say((plan.byTold ? text.move.by : text.move.byUser)(safe(plan.by)));
  if (flags.yes !== true) {
    const asked = terminal.ask(text.move.goOn);
    const answer = (await orInterrupted(signal, text.failure.interrupted, asked)).trim().toLowerCase();
    if (!text.move.yes.includes(answer)) {
      terminal.say(text.move.left);
      return exitCodes.problem;
    }
  }
  const after = await orInterrupted(signal, text.failure.interruptedMove, plan.make(source, record.id));
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

function personOf({ text }: Session, { reason, by }: MoveFlags): Pick<Plan, "reason" | "by" | "byTold"> {
  return {
    reason: said(reason, text.usage.emptyReason),
    by: said(by ?? userInfo().username, text.usage.emptyBy),
    byTold: by !== undefined,
  };
}

function jsonOf({ text }: Session, given: string): unknown {
  try {
    return JSON.parse(given) as unknown;
  } catch {
    throw new Stop(exitCodes.usage, text.usage.badResult);
  }
}
