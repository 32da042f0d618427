import type { Effect } from "@outrigger/core";
import type { HttpFailure } from "./failure.ts";
import type { ResponseHeaders } from "./response.ts";

interface AnswerHead {
  readonly status: number;
  readonly headers: ResponseHeaders;
  /** The declared operation that the request was, or its method. */
  readonly operation: string;
  /** Attempts that were made, the first one included. */
  readonly attempts: number;
  /** What the call has done on the other side: `done` for a success, else what the failure says. */
  readonly effect: Effect;
  /** What the status means, if it is no success. It may have been repeated before; this is the last answer. */
  readonly failure: HttpFailure | undefined;
}

/** An answer of any status, whole. */
export interface HttpAnswer extends AnswerHead {
  readonly bytes: Uint8Array;
}
