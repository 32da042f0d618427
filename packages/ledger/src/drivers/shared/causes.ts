import { Failure } from "@outrigger/core";
import { hasCode, ledgerFailureCodes } from "../../failure.ts";

/** Undefined also where reading it throws: users throw anything. */
export function property(holder: unknown, name: string): unknown {
  try {
    return (typeof holder === "object" && holder !== null) || typeof holder === "function"
      ? Reflect.get(holder, name)
      : undefined;
  } catch {
    return undefined;
  }
}

/** Where libraries put the error of the driver below them: Drizzle, TypeORM, Sequelize, Prisma. */
const causeNames = ["cause", "driverError", "original", "meta", "driverAdapterError"] as const;
/** How far down the causes are looked at: query builders wrap a driver's errors in their own. */
const causesAtMost = 6;

/** The error itself, then what caused it, as far as that is known. */
export function causesOf(error: unknown): readonly unknown[] {
  const causes: unknown[] = [];
  let each = error;
  while (each !== undefined && each !== null && causes.length < causesAtMost) {
    causes.push(each);
    const holder = each;
    each = causeNames.map((name) => property(holder, name)).find(isObject);
  }
  return causes;
}

export function someCause(error: unknown, holds: (each: unknown) => boolean): boolean {
  return causesOf(error).some(holds);
}

/** Failures of the ledger's own that another try may mend, whatever the database. */
const transientCodes: ReadonlySet<string> = new Set([
  ledgerFailureCodes.commitUnknown,
  ledgerFailureCodes.databaseUnavailable,
  ledgerFailureCodes.statementTimeout,
]);

/**
 * @param own - What the database or its driver says of itself, asked for each cause that is no {@link Failure}.
 */
export function isTransientBy(error: unknown, own: (each: unknown) => boolean): boolean {
  return someCause(error, (each) => (Failure.is(each) ? transientCodes.has(each.code) : own(each)));
}

/** Whether the ledger gave up on an answer. It may still come, and would be taken for that of the next statement. */
export function isTimedOut(error: unknown): boolean {
  return someCause(error, (each) => hasCode(each, ledgerFailureCodes.statementTimeout));
}

function isObject(value: unknown): boolean {
  return typeof value === "object" && value !== null;
}
