import type { SagaRecord, WhichSaga } from "@outrigger/ledger";
import { agreed, type MoveFlags, type Person } from "../commands/agree.ts";
import { due } from "../commands/when.ts";
import { type ExitCode, exitCodes, orInterrupted, Stop } from "../exit.ts";
import type { Session } from "../session.ts";
import type { Source } from "../source/source.ts";
import { safeJson } from "../terminal/safe-text.ts";
import type { Text } from "../text/en.ts";
import type { SagaMove } from "./moves.ts";

/** A person's move of a saga, told, agreed to, and made. */
export async function moveSaga(
  session: Session,
  { ledger }: Source,
  which: WhichSaga,
  { command, person }: { readonly command: SagaMove; readonly person: Person },
  flags: MoveFlags,
): Promise<ExitCode> {
  const { terminal, text } = session;
  const { signal } = terminal;
  const record = await orInterrupted(signal, text.failure.interrupted, ledger.sagas.find(which));
  if (record === undefined) throw new Stop(exitCodes.problem, text.failure.noSuchSaga);
  const refusal = refusalOf(text, command, record);
  if (refusal !== undefined) throw new Stop(exitCodes.problem, text.failure.refused(refusal));
  const { sagas } = text;
  const title = `${command} ${record.saga} ${record.key} (${record.state})`;
  const will = command === "retry" ? sagas.willRetry : sagas.willCancel[record.intent];
  if (!(await agreed(session, { title, will }, person, flags))) return exitCodes.problem;
  const after = await orInterrupted(
    signal,
    text.failure.interruptedMove("outrigger ledger sagas show"),
    ledger.sagas[command](record.id, { reason: person.reason, by: person.by }),
  );
  if (flags.json === true) await terminal.out(safeJson(after));
  else {
    await terminal.out(text.move.now(after.state));
    if (after.nextAt !== null) await terminal.out(text.move.nextStep(due(text, after)));
  }
  return exitCodes.done;
}

/** What has ended stays as it is. */
function refusalOf(
  { sagas: { notNow } }: Text,
  command: SagaMove,
  { state }: SagaRecord,
): string | undefined {
  if (state !== "DONE" && state !== "COMPENSATED") return undefined;
  if (command === "retry") return notNow.retry(state);
  return state === "DONE" ? notNow.cancelDone : notNow.cancelNothing;
}
