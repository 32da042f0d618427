import { statementTimedOut } from "../../failure.ts";
import type { SqlBounds } from "../../store/sql-port.ts";
import { isBusy } from "./errors.ts";

/** Waits between two tries to get the lock from another process, in milliseconds; the last one is repeated. */
const waits = [1, 1, 2, 2, 3, 5, 8, 13, 20] as const;

/**
 * Runs it when nobody else has the lock that it needs. SQLite's own way to wait would stop the whole process.
 *
 * @throws Failure `STATEMENT_TIMEOUT`
 */
export async function whenFree<T>({ clock, statementMs }: SqlBounds, run: () => T): Promise<T> {
  let endsAtMs: number | undefined;
  for (let tries = 0; ; tries += 1) {
    try {
      return run();
    } catch (error) {
      if (!isBusy(error)) throw error;
      const nowMs = clock.now();
      endsAtMs ??= nowMs + statementMs;
      if (nowMs >= endsAtMs) throw statementTimedOut(statementMs);
      const waitMs = Math.min(waits[tries] ?? waits[waits.length - 1] ?? 1, endsAtMs - nowMs);
      await new Promise<void>((resolve) => {
        clock.setTimer(waitMs, resolve);
      });
    }
  }
}
