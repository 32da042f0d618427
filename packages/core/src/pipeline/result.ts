import { coreFailureCodes, Failure, verdictOf } from "../failure/failure.ts";

/** How a call ended, for who would rather look than catch. */
export type Result<O> =
  | { readonly ok: true; readonly value: O }
  | { readonly ok: false; readonly failure: Failure };

/** The error as a failure: itself where it is one, else one that has it as its cause. */
export function failureOf(error: unknown): Failure {
  if (Failure.is(error)) return error;
  const { effect, kind, transient } = verdictOf(error);
  const message = error instanceof Error ? error.message : String(error);
  return new Failure(message, { code: coreFailureCodes.callFailed, effect, kind, transient, cause: error });
}
