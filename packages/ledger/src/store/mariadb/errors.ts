import { isTimedOut, isTransientBy, property, someCause } from "../../drivers/shared/causes.ts";

/**
 * Errors that another try may mend. Source: MariaDB's error code reference, and MySQL's server error reference.
 *
 * Locks: 1205 wait, 1213 deadlock, 1206 no room for more, 1020 the row has changed (snapshot isolation).
 * Load: 1040, 1203 and 1226 connections, 1461 prepared statements, 1637 transactions, 1021 and 1114 disk, 1037, 1038 and
 * 1041 memory, 1969 and 3024 time.
 * Failing over, shutting down: 1053, 1317, 1927, 4031 ended, 1290, 1792 and 1836 read only, 1047 not ready, 3101 rolled
 * back by the group. 1412 and 1615: a table was altered meanwhile.
 */
const transient: ReadonlySet<unknown> = new Set([
  1205, 1213, 1206, 1020, 1040, 1203, 1226, 1461, 1637, 1021, 1114, 1037, 1038, 1041, 1969, 3024, 1053, 1317,
  1927, 4031, 1290, 1792, 1836, 1047, 3101, 1412, 1615,
]);

/** After these the server has closed the connection: 1053 shutdown, 1153 to 1161 the network, 1927 and 4031 ended. */
const endsConnection: ReadonlySet<unknown> = new Set([
  1053, 1153, 1154, 1155, 1156, 1157, 1158, 1159, 1160, 1161, 1927, 4031,
]);

/** Node's codes, and mysql2's own. */
const lostCode = /^(ECONN|EPIPE|ETIMEDOUT|ENOTFOUND|EAI_AGAIN|EHOSTUNREACH|ENETUNREACH|PROTOCOL_)/;
/** mysql2 reports these without any code. */
const lostMessage = /in closed state/;
const busyMessage = /^(Queue limit reached|No connections available)/;

/** Whether the same statements may succeed when they are tried again. */
export function isTransient(error: unknown): boolean {
  return isTransientBy(
    error,
    (each) => transient.has(property(each, "errno")) || isLostItself(each) || says(each, busyMessage),
  );
}

/** Whether the connection can no longer be used. */
export function isLost(error: unknown): boolean {
  return isTimedOut(error) || someCause(error, isLostItself);
}

/** The server's own number of what went wrong. */
export function errorNumberOf(error: unknown): number | undefined {
  const number = property(error, "errno");
  return typeof number === "number" && number > 0 ? number : undefined;
}

function isLostItself(each: unknown): boolean {
  const code = property(each, "code");
  if (typeof code === "string" && lostCode.test(code)) return true;
  return (
    property(each, "fatal") === true || endsConnection.has(property(each, "errno")) || says(each, lostMessage)
  );
}

function says(error: unknown, message: RegExp): boolean {
  return error instanceof Error && message.test(error.message);
}
