import type { SqlBounds, SqlPort, SqlRow } from "../store/sql-port.ts";
import { causesOf, property, someCause } from "./shared/causes.ts";
import { hasMethods, portOf } from "./shared/library.ts";

/** The part of a Prisma transaction that the ledger uses. */
export interface PrismaTransaction {
  $queryRawUnsafe<T = unknown>(text: string, ...values: never[]): PromiseLike<T>;
  $executeRawUnsafe(text: string, ...values: never[]): PromiseLike<number>;
}

/** The part of `PrismaClient` that the ledger uses. */
export interface Prisma<Tx extends PrismaTransaction> extends PrismaTransaction {
  $transaction<T>(
    work: (tx: Tx) => Promise<T>,
    options?: { maxWait?: number; timeout?: number; isolationLevel?: "ReadCommitted" },
  ): Promise<T>;
}

/**
 * Connects the ledger to a `PrismaClient` of Prisma 7 on `@prisma/adapter-pg`. User functions get the
 * `Prisma.TransactionClient` as their `tx`.
 *
 * Prisma shows nobody its connections: a statement that takes too long is ended by way of another connection, and work of
 * other processes is noticed by polling.
 */
export function fromPrisma<Tx extends PrismaTransaction>(prisma: Prisma<Tx>): SqlPort<Tx> {
  if (!hasMethods(prisma, "$transaction", "$queryRawUnsafe", "$executeRawUnsafe", "$connect")) {
    throw new TypeError(
      "fromPrisma needs your PrismaClient: fromPrisma(new PrismaClient({ adapter: new PrismaPg(...) }))",
    );
  }
  return portOf<Tx>({
    meant: "the transaction client that prisma.$transaction(async (tx) => ...) gives you",
    query: (text, values) => queryRaw(prisma, text, values),
    transaction: (work, bounds) => prisma.$transaction(work, optionsFor(bounds)),
    send: queryRaw,
    // Without values it is sent as it stands, several statements in one.
    script: async (tx, text) => wasSent(await answered(() => tx.$executeRawUnsafe(text)), "number"),
    isTransaction: (tx) =>
      hasMethods(tx, "$queryRawUnsafe", "$executeRawUnsafe") && !hasMethods(tx, "$connect"),
    isLost: (each) => codesOfLoss.has(property(each, "code")) || kindsOfLoss.has(property(each, "kind")),
    isTransient: (each) => transientCodes.has(property(each, "code")),
  });
}

/** Cannot reach the server, reached it too late, timed out, was closed by it. Source: Prisma's error reference. */
const codesOfLoss: ReadonlySet<unknown> = new Set(["P1001", "P1002", "P1008", "P1017"]);
/** The same in the words of its driver adapters. */
const kindsOfLoss: ReadonlySet<unknown> = new Set([
  "DatabaseNotReachable",
  "ConnectionClosed",
  "SocketTimeout",
]);
/** No connection in time; a transaction that could not begin or took too long; a write conflict or deadlock. */
const transientCodes: ReadonlySet<unknown> = new Set(["P2024", "P2028", "P2034"]);

/** The longest that a timer of Node's can take. */
const longestMs = 2 ** 31 - 1;

/** Prisma's own bounds come after the ledger's: it would wait 5 seconds for a transaction, and tell less of its end. */
function optionsFor(bounds: SqlBounds | undefined): {
  maxWait: number;
  timeout: number;
  isolationLevel: "ReadCommitted";
} {
  const maxWait = bounds === undefined ? longestMs : 2 * bounds.statementMs;
  const timeout = bounds === undefined ? longestMs : bounds.transactionMs + 4 * bounds.statementMs;
  return {
    maxWait: Math.min(longestMs, Math.ceil(maxWait)),
    timeout: Math.min(longestMs, Math.ceil(timeout)),
    isolationLevel: "ReadCommitted",
  };
}

async function queryRaw(
  sender: PrismaTransaction,
  text: string,
  values: readonly unknown[],
): Promise<readonly SqlRow[]> {
  try {
    return wasSent(
      await answered(() => sender.$queryRawUnsafe<readonly SqlRow[]>(text, ...(values as never[]))),
      "object",
    );
  } catch (error) {
    // The statement has been run; Prisma knows no value for what such a function returns.
    if (someCause(error, isVoid)) return [];
    throw error;
  }
}

/**
 * Prisma makes one batch of what is sent in one turn. After a statement of it has failed it leaves the others out, and
 * resolves them with undefined as if they had been run (7.10, a statement of the user's that nobody waits for).
 */
function wasSent<T>(result: T, type: "number" | "object"): T {
  if (typeof result === type) return result;
  throw new Error(
    "Prisma did not send a statement, because another one that was sent along with it had failed",
  );
}

const isVoid = (each: unknown): boolean =>
  property(each, "kind") === "UnsupportedNativeDataType" && property(each, "type") === "void";

/** What `send` comes to; PostgreSQL's own error stands in one of Prisma's, as plain data. */
async function answered<T>(send: () => PromiseLike<T>): Promise<T> {
  try {
    return await send();
  } catch (error) {
    const found = causesOf(error).find((each) => typeof property(each, "originalCode") === "string");
    if (found === undefined) throw error;
    throw Object.assign(new Error(String(property(found, "originalMessage")), { cause: error }), {
      code: property(found, "originalCode"),
      severity: property(found, "severity"),
    });
  }
}
