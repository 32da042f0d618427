import { ledgerFailureCodes } from "../failure.ts";
import type { AbandonedFailure } from "../operation/definition.ts";
import type { EvidenceKind } from "../state/transitions.ts";
import { messageOf } from "./describe.ts";

/** What was learnt, with what has to be kept of it. */
export interface Evidence {
  readonly kind: EvidenceKind;
  /** A stable code that goes into the history. */
  readonly code?: string | undefined;
  /** Words for people; cut, and cleaned of what the database cannot store. */
  readonly message?: string | undefined;
  /** JSON. */
  readonly result?: string | undefined;
  readonly failure?: AbandonedFailure | undefined;
  /** Local instant before it was asked for: what "not found" proves, it proves of that moment. */
  readonly askedAtMs?: number | undefined;
  /** Where it comes from, when it was not asked for. */
  readonly by?: string | undefined;
}

/** A success as JSON. What JSON cannot hold was still done, so the commit is what fails. */
export function succeeded(result: unknown): Evidence {
  try {
    return { kind: "succeeded", result: JSON.stringify(result) };
  } catch (error) {
    return {
      kind: "commitRejected",
      code: ledgerFailureCodes.resultInvalid,
      message: `the result is not JSON: ${messageOf(error)}`,
    };
  }
}
