import { Line, type Place } from "./line.ts";

export interface WaitQueueRules {
  /** Range: integer >= 1. The higher level is served first. */
  readonly levels: number;
  /** How often in a row an older, less important waiter may be passed over. Range: integer >= 1. */
  readonly maxOvertakes: number;
  /** Keys that take turns; the rest share one turn. Range: integer >= 1. */
  readonly maxKeys: number;
}

/** Somebody's place in the queue. */
export interface Ticket<T> {
  readonly value: T;
  readonly level: number;
  readonly key: string;
  readonly sinceMs: number;
}

interface Entry<T> extends Ticket<T> {
  readonly turns: Turns<T>;
  arrival: Place<Entry<T>> | undefined;
  turn: Place<Entry<T>> | undefined;
}

/** Waiters of one level with one key. */
interface Turns<T> {
  readonly level: Level<T>;
  /** Undefined for the keys that share one turn. */
  readonly key: string | undefined;
  readonly waiters: Line<Entry<T>>;
  place: Place<Turns<T>> | undefined;
}

interface Level<T> {
  readonly index: number;
  readonly byKey: Map<string | undefined, Turns<T>>;
  /** Whose turn it is, first. */
  readonly ring: Line<Turns<T>>;
}

/**
 * Who waits, and who is next: the most important level, in it the key whose turn it is, of it the oldest or the
 * newest.
 *
 * No level starves: when somebody older and less important has been passed over `maxOvertakes` times in a row,
 * the turn goes to the level of the oldest waiter of all. A key exists only while somebody waits with it.
 */
export class WaitQueue<T> {
  readonly #maxOvertakes: number;
  readonly #maxKeys: number;
  readonly #levels: readonly Level<T>[];
  readonly #arrivals = new Line<Entry<T>>();
  #overtakes = 0;

  constructor({ levels, maxOvertakes, maxKeys }: WaitQueueRules) {
    this.#maxOvertakes = maxOvertakes;
    this.#maxKeys = maxKeys;
    this.#levels = Array.from({ length: levels }, (_, index) => ({
      index,
      byKey: new Map<string | undefined, Turns<T>>(),
      ring: new Line<Turns<T>>(),
    }));
  }

  get size(): number {
    return this.#arrivals.size;
  }

  /** The one that has waited longest. */
  get oldest(): Ticket<T> | undefined {
    return this.#arrivals.first?.value;
  }

  /** @param level - Taken as the nearest level where there is none of this number. */
  add(value: T, sinceMs: number, level = 0, key = ""): Ticket<T> {
    const turns = this.#turnsOf(this.#levelAt(level), key);
    const entry: Entry<T> = {
      value,
      level: turns.level.index,
      key,
      sinceMs,
      turns,
      arrival: undefined,
      turn: undefined,
    };
    entry.arrival = this.#arrivals.append(entry);
    entry.turn = turns.waiters.append(entry);
    return entry;
  }

  /** @returns false for a ticket that has left before. */
  remove(ticket: Ticket<T>): boolean {
    const { arrival, turn, turns } = ticket as Entry<T>;
    if (!this.#arrivals.remove(arrival)) return false;
    turns.waiters.remove(turn);
    if (turns.waiters.size === 0) {
      turns.level.byKey.delete(turns.key);
      turns.level.ring.remove(turns.place);
    }
    return true;
  }

  /** Takes out who is next. */
  next(newestFirst: boolean): Ticket<T> | undefined {
    const waiters = this.#nextLevel()?.ring.first?.value.waiters;
    const entry = (newestFirst ? waiters?.last : waiters?.first)?.value;
    if (entry === undefined) return undefined;
    this.remove(entry);
    const { turns } = entry;
    const { ring } = turns.level;
    // The next turn of the same key comes after those of the others.
    if (ring.remove(turns.place)) turns.place = ring.append(turns);
    return entry;
  }

  /**
   * Who must make room for a newcomer of this level and key while the queue is full: the newest of the least
   * important level below; else, within the level, the newest of the key that has most waiters, if that key would
   * still have no fewer than the newcomer's.
   */
  displacedBy(level = 0, key = ""): Ticket<T> | undefined {
    const own = this.#levelAt(level);
    for (const below of this.#levels) {
      if (below === own) break;
      const longest = longestOf(below);
      if (longest !== undefined) return longest.waiters.last?.value;
    }
    const longest = longestOf(own);
    const mine = this.#findTurns(own, key)?.waiters.size ?? 0;
    return longest !== undefined && longest.waiters.size > mine + 1 ? longest.waiters.last?.value : undefined;
  }

  #nextLevel(): Level<T> | undefined {
    const oldest = this.#arrivals.first?.value;
    if (oldest === undefined) return undefined;
    let level = oldest.turns.level;
    if (this.#overtakes < this.#maxOvertakes) {
      for (const each of this.#levels) if (each.ring.size > 0) level = each;
    }
    this.#overtakes = level === oldest.turns.level ? 0 : this.#overtakes + 1;
    return level;
  }

  #levelAt(level: number): Level<T> {
    const top = this.#levels.length - 1;
    // NaN becomes 0: what is no number of a level is the least important.
    const index = Math.min(top, Math.max(0, Math.floor(level))) || 0;
    return this.#levels[index] as Level<T>;
  }

  #findTurns(level: Level<T>, key: string): Turns<T> | undefined {
    return (
      level.byKey.get(key) ?? (level.byKey.size < this.#maxKeys ? undefined : level.byKey.get(undefined))
    );
  }

  #turnsOf(level: Level<T>, key: string): Turns<T> {
    const found = this.#findTurns(level, key);
    if (found !== undefined) return found;
    const own = level.byKey.size < this.#maxKeys ? key : undefined;
    const turns: Turns<T> = { level, key: own, waiters: new Line<Entry<T>>(), place: undefined };
    level.byKey.set(own, turns);
    turns.place = level.ring.append(turns);
    return turns;
  }
}

function longestOf<T>(level: Level<T>): Turns<T> | undefined {
  let longest: Turns<T> | undefined;
  for (const turns of level.byKey.values()) {
    if (longest === undefined || turns.waiters.size > longest.waiters.size) longest = turns;
  }
  return longest;
}
