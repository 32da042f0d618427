/** A kind of world: how it begins, goes on, and what must be true of it. */
export interface Play<World> {
  readonly first: World;
  readonly steps: (world: World) => Iterable<{ readonly what: string; readonly to: World }>;
  /** What is wrong with a world, or undefined. */
  readonly violation: (world: World) => string | undefined;
  /** The name of the end, where nothing has to happen any more. */
  readonly end: (world: World) => string | undefined;
  /** Whether it cannot go on only because of a bound of the model. */
  readonly isCutOff: (world: World) => boolean;
}

export interface Exploration {
  readonly states: number;
  /** The shortest way to something wrong. */
  readonly counterexample: readonly string[] | undefined;
  /** Worlds from which no way leads to an end, although the bounds would allow one. */
  readonly stuck: number;
  /** The ways in which it can end. */
  readonly ends: readonly string[];
}

interface Seen<World> {
  readonly world: World;
  readonly from: string | undefined;
  readonly what: string;
}

/** Visits every world that can come about, the nearest first. Worlds are plain data: their JSON names them. */
export function explore<World>(play: Play<World>): Exploration {
  const firstName = JSON.stringify(play.first);
  const seen = new Map<string, Seen<World>>([[firstName, { world: play.first, from: undefined, what: "" }]]);
  const before = new Map<string, string[]>();
  const queue = [firstName];
  const ends = new Set<string>();
  // A Map keeps its order and the queue only grows, so this is breadth-first without shifting an array.
  for (const name of queue) {
    const { world } = seen.get(name) as Seen<World>;
    const wrong = play.violation(world);
    if (wrong !== undefined) {
      return { states: seen.size, counterexample: [...wayTo(seen, name), wrong], stuck: 0, ends: [] };
    }
    const end = play.end(world);
    if (end !== undefined) ends.add(end);
    for (const { what, to } of play.steps(world)) {
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
    stuck: countStuck(seen, before, play),
    ends: [...ends].sort(),
  };
}

function wayTo<World>(seen: ReadonlyMap<string, Seen<World>>, name: string): string[] {
  const way: string[] = [];
  for (let at = seen.get(name); at?.from !== undefined; at = seen.get(at.from)) way.unshift(at.what);
  return way;
}

/** Walks back from every end; what is not met cannot end. */
function countStuck<World>(
  seen: ReadonlyMap<string, Seen<World>>,
  before: ReadonlyMap<string, readonly string[]>,
  play: Play<World>,
): number {
  const canEnd = new Set(
    [...seen].filter(([, { world }]) => play.end(world) !== undefined).map(([name]) => name),
  );
  for (const name of canEnd) for (const earlier of before.get(name) ?? []) canEnd.add(earlier);
  return [...seen].filter(([name, { world }]) => !canEnd.has(name) && !play.isCutOff(world)).length;
}
