import { causesOf, isTimedOut, isTransientBy, property, someCause } from "./causes.ts";

/**
 * SQLSTATE classes that another try may mend: 08 connection, 40 rollback (serialisation, deadlock), 53
 * resources, 55 object state (locks), 57 operator intervention, 58 system error. Source: PostgreSQL manual,
 * appendix A.
 */
const transientClasses: ReadonlySet<string> = new Set(["08", "40", "53", "55", "57", "58"]);
/**
 * After these the server has closed the connection: 08 connection, 57P01 to 57P05 shutdown, crash and idle session, 25P03
 * and 25P04 a transaction that was idle, or took, too long.
 */
const endsConnection = /^(08...|57P0[1235]|25P0[34])$/;
/** Node's own codes, and those of postgres.js. */
const lostConnection =
  /^(ECONN|EPIPE|ETIMEDOUT|ENOTFOUND|EAI_AGAIN|EHOSTUNREACH|ENETUNREACH|CONNECTION_(CLOSED|ENDED|DESTROYED)|CONNECT_TIMEOUT)/;
/** pg reports these without any code; `Query read timeout` is its `query_timeout`. */
const lostMessage =
  /Connection terminated|not queryable|Client was closed|timeout exceeded when trying|Query read timeout/;
/** Prisma's codes have the length of a SQLSTATE. */
const sqlState = /^(?!P[12]\d{3}$)[0-9A-Z]{5}$/;

export const failedTransaction = "25P02";
export const noTransaction = "25P01";

/** Whether the same statements may succeed when they are tried again. */
export function isTransient(error: unknown): boolean {
  return isTransientBy(error, isTransientItself);
}

/** The same of one error, without its causes. */
export function isTransientItself(each: unknown): boolean {
  const state = stateItself(each);
  return isLostItself(each) || (state !== undefined && transientClasses.has(state.slice(0, 2)));
}

/** Whether the connection can no longer be used. */
export function isLost(error: unknown): boolean {
  return isTimedOut(error) || someCause(error, isLostItself);
}

/** The error that carries PostgreSQL's own code, under whatever a library has wrapped around it; or the error itself. */
export function databaseErrorOf(error: unknown): unknown {
  return causesOf(error).find((each) => stateItself(each) !== undefined) ?? error;
}

/** What `send` comes to, with an error that carries the database's own code. */
export async function answered<T>(send: () => Promise<T>): Promise<T> {
  try {
    return await send();
  } catch (error) {
    throw databaseErrorOf(error);
  }
}

/** PostgreSQL's code of what went wrong, wherever a library has put it. */
export function sqlStateOf(error: unknown): string | undefined {
  return stateItself(databaseErrorOf(error));
}

function stateItself(error: unknown): string | undefined {
  return ["code", "originalCode"]
    .map((name) => property(error, name))
    .find((code) => typeof code === "string" && sqlState.test(code)) as string | undefined;
}

function isLostItself(error: unknown): boolean {
  const code = property(error, "code");
  if (typeof code === "string" && code !== "") return lostConnection.test(code) || endsConnection.test(code);
  return error instanceof Error && lostMessage.test(error.message);
}
