import { statementTimedOut } from "../../failure.ts";
import type { SqlBounds } from "../../store/sql-port.ts";

/** @throws Failure `STATEMENT_TIMEOUT`; what `work` comes to later is dropped. */
export function within<T>(
  bounds: SqlBounds | undefined,
  ms: number | undefined,
  work: Promise<T>,
): Promise<T> {
  if (bounds === undefined || ms === undefined) return work;
  return new Promise((resolve, reject) => {
    const timer = bounds.clock.setTimer(ms, () => reject(statementTimedOut(ms)));
    work.finally(() => timer.cancel()).then(resolve, reject);
  });
}
