import { type ExitCode, exitCodes } from "../exit.ts";
import type { Session } from "../session.ts";
import type { Source } from "../source/source.ts";

export async function doctor(
  _session: Session,
  _source: Source,
  _options: { readonly moveAfterMs: number; readonly json: boolean },
): Promise<ExitCode> {
  return exitCodes.done;
}
