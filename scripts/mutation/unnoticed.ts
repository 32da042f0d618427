import { breaker } from "./unnoticed/breaker.ts";
import { budget } from "./unnoticed/budget.ts";
import { bulkhead } from "./unnoticed/bulkhead.ts";

/** A mutant that no test notices, and why none should. */
export interface Explanation {
  readonly file: string;
  /** The line it stands in, trimmed. */
  readonly line: string;
  /** The part that is changed, at most 100 characters of it. */
  readonly was: string;
  readonly becomes: string;
  readonly why: string;
}

export const explanations: readonly Explanation[] = [...breaker, ...budget, ...bulkhead];
