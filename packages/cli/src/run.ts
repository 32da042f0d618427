import { assertAgreed, type MoveFlags, personOf } from "./commands/agree.ts";
import { type ListFlags, list, listOptions } from "./commands/list.ts";
import { move, planCancel, planResolve, planRetry, type ResolveFlags } from "./commands/move.ts";
import { planReconcile, type ReconcileFlags, reconcile } from "./commands/reconcile.ts";
import { type ShowFlags, show } from "./commands/show.ts";
import { duration, which, whichSaga } from "./commands/values.ts";
import { doctor } from "./doctor/doctor.ts";
import type { ExitCode } from "./exit.ts";
import type { Called } from "./program.ts";
import { listSagas, type SagaListFlags, sagaListing } from "./sagas/list.ts";
import { moveSaga } from "./sagas/move.ts";
import { type SagaShowFlags, showSaga } from "./sagas/show.ts";
import type { Session } from "./session.ts";
import { type Needs, openSource } from "./source/open-source.ts";
import type { Source, SourceOptions } from "./source/source.ts";

/** A command whose options have been checked, so that a wrong one is told before anything is opened. */
export interface Prepared {
  readonly open: () => Promise<Source>;
  readonly act: (source: Source) => Promise<ExitCode>;
}

/** @throws Stop for wrong use. */
export function prepared(session: Session, { command, words, flags: given }: Called): Prepared {
  const open = (needs: Needs) => () => openSource(session, command, given as SourceOptions, needs);
  switch (command) {
    case "list": {
      const flags = given as ListFlags;
      const options = listOptions(session, flags);
      return { open: open("either"), act: (source) => list(session, source, options, flags) };
    }
    case "show": {
      const of = which(session, words);
      return { open: open("either"), act: (source) => show(session, source, of, given as ShowFlags) };
    }
    case "retry":
    case "cancel":
    case "resolve": {
      const of = which(session, words);
      const flags = given as MoveFlags;
      const plan =
        command === "retry"
          ? planRetry(session, flags)
          : command === "cancel"
            ? planCancel(session, flags)
            : planResolve(session, given as ResolveFlags);
      assertAgreed(session, command, flags);
      return {
        open: open(command === "resolve" ? "app" : "either"),
        act: (source) => move(session, source, of, plan, flags),
      };
    }
    case "sagas list": {
      const flags = given as SagaListFlags;
      const listing = sagaListing(session, flags);
      return { open: open("either"), act: (source) => listSagas(session, source, listing, flags) };
    }
    case "sagas show": {
      const of = whichSaga(session, words);
      return { open: open("either"), act: (source) => showSaga(session, source, of, given as SagaShowFlags) };
    }
    case "sagas retry":
    case "sagas cancel": {
      const of = whichSaga(session, words);
      const flags = given as MoveFlags;
      const plan = {
        command: command === "sagas retry" ? "retry" : "cancel",
        person: personOf(session, flags),
      } as const;
      assertAgreed(session, command, flags);
      return { open: open("either"), act: (source) => moveSaga(session, source, of, plan, flags) };
    }
    case "reconcile": {
      const flags = given as ReconcileFlags;
      const plan = planReconcile(session, flags);
      return { open: open("app"), act: (source) => reconcile(session, source, words[0], plan, flags) };
    }
    case "doctor": {
      const moveAfterMs = duration(session, "--move-after", String(given["moveAfter"])).ms;
      return {
        open: open("database"),
        act: (source) => doctor(session, source, { moveAfterMs, json: given["json"] === true }),
      };
    }
  }
}
