export type Level = "ok" | "warn" | "bad";

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
