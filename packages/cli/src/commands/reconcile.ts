import { type ExitCode, exitCodes } from "../exit.ts";
import type { Session } from "../session.ts";
import type { Source, SourceOptions } from "../source/source.ts";

export interface ReconcileFlags extends SourceOptions {
  readonly from?: string;
  readonly to?: string;
  readonly report?: string;
  readonly json?: boolean;
}

export function reconcileDays(_session: Session, _flags: ReconcileFlags): undefined {
  return undefined;
}

export async function reconcile(
  _session: Session,
  _source: Source,
  _name: string | undefined,
  _days: undefined,
  _flags: ReconcileFlags,
): Promise<ExitCode> {
  return exitCodes.done;
}
