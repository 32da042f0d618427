import { isTransientBy, property } from "../shared/causes.ts";

/**
 * Primary result codes after which the same may succeed: BUSY, LOCKED, NOMEM, INTERRUPT, IOERR, FULL, CANTOPEN, PROTOCOL.
 * Source: https://www.sqlite.org/rescode.html
 */
const transient: ReadonlySet<number> = new Set([5, 6, 7, 9, 10, 13, 14, 15]);
const busy: ReadonlySet<number> = new Set([5, 6]);

export function isTransient(error: unknown): boolean {
  return isTransientBy(error, (each) => transient.has(resultOf(each)));
}

/** Whether somebody else has the lock. */
export function isBusy(error: unknown): boolean {
  return busy.has(resultOf(error));
}

/** The primary result code, which is the lowest byte of the extended one. */
function resultOf(error: unknown): number {
  const code = property(error, "errcode");
  return typeof code === "number" ? code & 0xff : -1;
}
