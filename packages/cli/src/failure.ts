import { Failure } from "@outrigger/core";
import { ledgerFailureCodes } from "@outrigger/ledger";
import { exitCodes, Stop } from "./exit.ts";
import type { Source } from "./source/source.ts";
import { safe } from "./terminal/safe-text.ts";
import type { Text } from "./text/en.ts";

const refusals: ReadonlySet<string> = new Set([
  ledgerFailureCodes.notRetryable,
  ledgerFailureCodes.notCancellable,
  ledgerFailureCodes.notResolvable,
  ledgerFailureCodes.takenOver,
]);

/** What went wrong, in words and as an exit code. */
export function stopOf(text: Text, error: unknown, source: Source | undefined): Stop {
  if (error instanceof Stop) return error;
  const { failure } = text;
  const where = source?.where ?? "";
  const code = Failure.is(error) ? error.code : undefined;
  if (code === ledgerFailureCodes.statementTimeout || codeOf(error, "STATEMENT_TIMEOUT")) {
    return new Stop(exitCodes.unreachable, failure.slow(where));
  }
  if (code === ledgerFailureCodes.databaseUnavailable) {
    return new Stop(exitCodes.unreachable, failure.unreachable(where, safe(rootOf(error))));
  }
  if (code === ledgerFailureCodes.commitUnknown)
    return new Stop(exitCodes.unreachable, failure.commitUnknown);
  if (code === ledgerFailureCodes.notMigrated) {
    return new Stop(exitCodes.problem, failure.notMigrated(source?.schema ?? ""));
  }
  const message = safe(error instanceof Error ? error.message : String(error));
  if (code !== undefined && refusals.has(code)) return new Stop(exitCodes.problem, failure.refused(message));
  return new Stop(exitCodes.problem, message === "" ? String(code) : message);
}

const causesAtMost = 5;

function codeOf(error: unknown, code: string): boolean {
  return chainOf(error).some((each) => Failure.is(each) && each.code === code);
}

/** What the driver said at the bottom of it; several addresses of one host fail together. */
function rootOf(error: unknown): string {
  const root = chainOf(error).at(-1);
  const one: unknown = root instanceof AggregateError ? root.errors[0] : root;
  if (!(one instanceof Error)) return String(one);
  const code: unknown = Reflect.get(one, "code");
  return one.message === "" ? String(code) : one.message;
}

function chainOf(error: unknown): readonly unknown[] {
  const chain: unknown[] = [];
  let each = error;
  while (each instanceof Error && chain.length < causesAtMost) {
    chain.push(each);
    each = each.cause;
  }
  return chain;
}
