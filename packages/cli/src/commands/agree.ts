import { userInfo } from "node:os";
import { exitCodes, orInterrupted, Stop } from "../exit.ts";
import type { Session } from "../session.ts";
import type { SourceOptions } from "../source/source.ts";
import { safe } from "../terminal/safe-text.ts";
import { said } from "./values.ts";

export interface MoveFlags extends SourceOptions {
  readonly reason: string;
  readonly by?: string;
  readonly yes?: boolean;
  readonly json?: boolean;
}

/** Who moves something, and why. */
export interface Person {
  readonly reason: string;
  readonly by: string;
  readonly byTold: boolean;
}

export function personOf({ text }: Session, { reason, by }: MoveFlags): Person {
  return {
    reason: said(reason, text.usage.emptyReason),
    by: said(by ?? userInfo().username, text.usage.emptyBy),
    byTold: by !== undefined,
  };
}

/** Whether somebody can be asked is known before the database is. */
export function assertAgreed({ terminal, text }: Session, command: string, flags: MoveFlags): void {
  if (flags.yes === true || terminal.canAsk) return;
  throw new Stop(exitCodes.usage, text.usage.notAsked(command));
}

/** Says what is about to be done, and asks whether it shall be. */
export async function agreed(
  { terminal, text }: Session,
  { title, will }: { readonly title: string; readonly will: string },
  { reason, by, byTold }: Person,
  flags: MoveFlags,
): Promise<boolean> {
  terminal.say(terminal.sayStyle.bold(title));
  terminal.say(will);
  terminal.say(text.move.because(safe(reason)));
  terminal.say((byTold ? text.move.by : text.move.byUser)(safe(by)));
  if (flags.yes === true) return true;
  const asked = terminal.ask(text.move.goOn);
  const answer = await orInterrupted(terminal.signal, text.failure.interrupted, asked);
  if (text.move.yes.includes(answer.trim().toLowerCase())) return true;
  terminal.say(text.move.left);
  return false;
}
