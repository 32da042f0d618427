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
