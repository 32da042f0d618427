import type { Random } from "@outrigger/core";

/**
 * The same numbers for the same seed, on every machine. The generator is mulberry32: 32 bits of state, good
 * enough to spread faults, not for secrets.
 *
 * @param seed - Range: integer; only its lowest 32 bits count.
 */
export function seededRandom(seed: number): Random {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
}

/** One of the items, each as likely as the others. @throws RangeError when there is none. */
export function pick<T>(items: readonly T[], random: Random): T {
  if (items.length === 0) throw new RangeError("pick needs at least one item; got an empty array");
  return items[Math.floor(random() * items.length)] as T;
}

/** The items in another order, each order as likely as the others (Fisher-Yates); the array itself stays. */
export function shuffled<T>(items: readonly T[], random: Random): T[] {
  const order = [...items];
  for (let last = order.length - 1; last > 0; last -= 1) {
    const other = Math.floor(random() * (last + 1));
    [order[last], order[other]] = [order[other] as T, order[last] as T];
  }
  return order;
}
