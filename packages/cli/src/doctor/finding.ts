import type { SqlQuery, SqlRow } from "@outrigger/ledger";
import type { Text } from "../text/en.ts";

type Level = "ok" | "warn" | "bad";

/** One thing that was looked at. */
export interface Finding {
  readonly check: string;
  readonly level: Level;
  /** What was seen, and what it means. */
  readonly says: string;
  /** What to do about it. */
  readonly fix: string | null;
}

export function ok(check: string, says: string): Finding {
  return { check, level: "ok", says, fix: null };
}

export function warn(check: string, says: string, fix: string): Finding {
  return { check, level: "warn", says, fix };
}

export function bad(check: string, says: string, fix: string): Finding {
  return { check, level: "bad", says, fix };
}

/** A check that found nothing wrong says that it looked. */
export function orOk(findings: readonly Finding[], fine: Finding): readonly Finding[] {
  return findings.length === 0 ? [fine] : findings;
}

/** What the checks of one kind of database get. */
export interface DatabaseChecks {
  readonly text: Text;
  readonly query: SqlQuery;
  /** Checked by the ledger that was made with it. */
  readonly schema: string;
  readonly moveAfterMs: number;
}

/** The version that tests run on, and what this one is. */
export function versionFinding(
  { doctor }: Text,
  product: string,
  version: string,
  [oldest, newest]: readonly [string, string | undefined],
): Finding {
  const { version: says } = doctor.checks;
  const shown = `${product} ${version}`;
  if (isBefore(version, oldest)) return bad("version", says.old(shown, oldest), says.oldFix);
  if (newest !== undefined && !isBefore(version, nextAfter(newest))) {
    return warn("version", says.fresh(shown, newest), says.freshFix);
  }
  return ok("version", says.ok(shown));
}

/** 10.11 is after 10.6. */
function isBefore(a: string, b: string): boolean {
  const [left, right] = [a, b].map((each) => each.split(".").map((part) => Number.parseInt(part, 10) || 0));
  for (let at = 0; at < (right?.length ?? 0); at += 1) {
    const difference = (left?.[at] ?? 0) - (right?.[at] ?? 0);
    if (difference !== 0) return difference < 0;
  }
  return false;
}

/** Everything that begins with 18 is 18. */
function nextAfter(version: string): string {
  const parts = version.split(".").map(Number);
  return [...parts.slice(0, -1), (parts.at(-1) ?? 0) + 1].join(".");
}

export function textOf(row: SqlRow | undefined, name: string): string {
  return String(row?.[name] ?? "");
}
