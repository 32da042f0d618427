import { isEnded, violation } from "./judge.ts";
import type { Rules } from "./rules.ts";
import { steps } from "./steps.ts";
import { firstWorld, type World } from "./world.ts";

export interface Exploration {
  readonly states: number;
  /** The shortest way to something wrong. */
  readonly counterexample: readonly string[] | undefined;
  /** Worlds from which no way leads to an end, although more claims would be allowed. */
  readonly stuck: number;
  /** The ways in which it can end. */
  readonly ends: readonly string[];
}

interface Seen {
  readonly world: World;
  readonly from: string | undefined;
  readonly what: string;
}

/** Visits every world that can come about, the nearest first. */
export function explore(rules: Rules): Exploration {
  const first = firstWorld(rules);
  const firstName = JSON.stringify(first);
  const seen = new Map<string, Seen>([[firstName, { world: first, from: undefined, what: "" }]]);
  const before = new Map<string, string[]>();
  const queue = [firstName];
  const ends = new Set<string>();
  // A Map keeps its order and the queue only grows, so this is breadth-first without shifting an array.
  for (const name of queue) {
    const { world } = seen.get(name) as Seen;
    const wrong = violation(world, rules);
    if (wrong !== undefined) {
      return { states: seen.size, counterexample: [...wayTo(seen, name), wrong], stuck: 0, ends: [] };
    }
    if (isEnded(world, rules)) ends.add(world.row?.state ?? "nothing");
    for (const { what, to } of steps(world, rules)) {
      const next = JSON.stringify(to);
      const ways = before.get(next);
      if (ways === undefined) before.set(next, [name]);
      else ways.push(name);
      if (seen.has(next)) continue;
      seen.set(next, { world: to, from: name, what });
      queue.push(next);
    }
  }
  return {
    states: seen.size,
    counterexample: undefined,
    stuck: countStuck(seen, before, rules),
    ends: [...ends].sort(),
  };
}

function wayTo(seen: ReadonlyMap<string, Seen>, name: string): string[] {
  const way: string[] = [];
  for (let at = seen.get(name); at?.from !== undefined; at = seen.get(at.from)) way.unshift(at.what);
  return way;
}

/** Walks back from every end; what is not met cannot end. Worlds out of claims are cut off by the bound, not stuck. */
function countStuck(
  seen: ReadonlyMap<string, Seen>,
  before: ReadonlyMap<string, readonly string[]>,
  rules: Rules,
): number {
  const canEnd = new Set([...seen].filter(([, { world }]) => isEnded(world, rules)).map(([name]) => name));
  for (const name of canEnd) for (const earlier of before.get(name) ?? []) canEnd.add(earlier);
  return [...seen].filter(([name, { world }]) => !canEnd.has(name) && world.claims < rules.claims).length;
}
