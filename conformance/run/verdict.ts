import { type Library, NoSuchPolicy } from "../libraries/library.ts";
import type { Case, Trap } from "../script/format.ts";
import { play } from "../script/player.ts";
import type { ScriptTime } from "../script/time.ts";

/**
 * What was seen.
 *
 * - `pass`: every case of the trap that can be put to the library came out right.
 * - `fail`: one did not; `seen` says what happened.
 * - `none`: the library has no such policy or feature, so there is nothing to get wrong.
 */
export interface Verdict {
  readonly status: "pass" | "fail" | "none";
  readonly seen: readonly string[];
  /** The options that come nearest to what the script asks for. */
  readonly notes: readonly string[];
}

/** Plays every case of a trap against a library. */
export async function verdictOn(trap: Trap, library: Library, makeTime: () => ScriptTime): Promise<Verdict> {
  const notes = new Set<string>();
  const [wrong, missing, aside]: [string[], string[], string[]] = [[], [], []];
  let right = 0;
  for (const each of trap.cases) {
    const absent = each.needs?.flatMap((feature) => library.lacks[feature] ?? []) ?? [];
    if (absent.length > 0) {
      if (!each.aside) missing.push(...absent);
      continue;
    }
    const seen = await seenIn(each, library, makeTime(), notes);
    if (each.aside) {
      if (seen !== undefined && !(seen instanceof NoSuchPolicy)) aside.push(`${each.name}: ${text(seen)}`);
    } else if (seen === undefined) right += 1;
    else if (seen instanceof NoSuchPolicy) missing.push(seen.message);
    else wrong.push(trap.cases.length > 1 ? `${each.name}: ${text(seen)}` : text(seen));
  }
  const documented = library.documented[trap.id];
  if (trap.choice && right + wrong.length > 0) {
    const which = right > 0 ? (trap.cases[0]?.name ?? "") : wrong.join("; ");
    return documented === undefined
      ? { status: "fail", seen: [`${which}; its documentation does not say which`], notes: [...notes] }
      : { status: "pass", seen: [which, `documented: ${documented}`], notes: [...notes] };
  }
  const unique = [...new Set(missing)];
  const remark = library.remarks[trap.id] ?? [];
  if (wrong.length > 0) {
    return { status: "fail", seen: [...wrong, ...aside].concat(remark), notes: [...notes] };
  }
  if (right === 0) return { status: "none", seen: unique, notes: [] };
  return {
    status: "pass",
    seen: [...unique.map((each) => `not asked: ${each}`), ...aside],
    notes: [...notes],
  };
}

async function seenIn(
  each: Case,
  library: Library,
  time: ScriptTime,
  notes: Set<string>,
): Promise<string | NoSuchPolicy | Error | undefined> {
  try {
    return await play(each, library, time, notes);
  } catch (error) {
    return error instanceof Error ? error : new Error(String(error));
  }
}

function text(seen: string | Error): string {
  return typeof seen === "string" ? seen : seen.message;
}
