import { capturePlace, type Place } from "./place.ts";
import { clockOfGuard, TrackedTransaction, within } from "./transaction-scope.ts";

/**
 * Runs what a library runs between its BEGIN and its COMMIT, known to the guard.
 *
 * @throws what `work` throws; and, so that the library rolls back, the failure of a call that nobody could stop.
 */
export function runInTransaction<T>(of: string, begunAt: Place | undefined, work: () => T): T {
  const clock = clockOfGuard();
  if (clock === undefined) return work();
  const transaction = new TrackedTransaction(of, begunAt, clock.now());
  let result: T;
  try {
    result = within(transaction, work);
  } catch (error) {
    transaction.end();
    throw error;
  }
  if (isThenable(result)) return settled(transaction, result) as T;
  transaction.end();
  if (transaction.spoiled !== undefined) throw transaction.spoiled;
  return result;
}

/** `work` as it runs inside of a transaction that is begun now. */
export function asWork<A extends readonly unknown[], T>(
  of: string,
  below: (...args: never[]) => unknown,
  work: (...args: A) => T,
): (...args: A) => T {
  const begunAt = capturePlace(below);
  return (...args) => runInTransaction(of, begunAt, () => work(...args));
}

/** A function of an operation, which the ledger runs in a transaction of its own. */
export function asOperationStep<A extends readonly unknown[], T>(
  of: string,
  step: (...args: A) => T,
): (...args: A) => T {
  return (...args) =>
    clockOfGuard() === undefined ? step(...args) : runInTransaction(of, undefined, () => step(...args));
}

async function settled(transaction: TrackedTransaction, work: PromiseLike<unknown>): Promise<unknown> {
  try {
    const value = await work;
    if (transaction.spoiled !== undefined) throw transaction.spoiled;
    return value;
  } finally {
    transaction.end();
  }
}

function isThenable(value: unknown): value is PromiseLike<unknown> {
  return (
    typeof value === "object" &&
    value !== null &&
    "then" in value &&
    typeof (value as { then: unknown }).then === "function"
  );
}
