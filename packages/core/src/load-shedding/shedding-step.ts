export interface SheddingRules {
  /** Utilisation at which each level is shed, the least important level first. Rising; `Infinity` is never. */
  readonly shedAt: readonly number[];
  /** How far below its threshold the utilisation must be before a level is let through again. Range: >= 0. */
  readonly hysteresis: number;
  /** For how long it must be there, for each level anew. Range: >= 0. */
  readonly holdForMs: number;
}

export interface SheddingState {
  /** Levels that are shed: those before this index. */
  readonly shed: number;
  /** The last moment that spoke against letting the next level through again. */
  readonly busyAtMs: number;
}

export const calm: SheddingState = { shed: 0, busyAtMs: Number.NEGATIVE_INFINITY };

/**
 * Which levels are shed after the utilisation was seen. Shedding begins at once, at however many thresholds were
 * passed; it ends one level at a time, because what is let in again is load again.
 */
export function stepShedding(
  state: SheddingState,
  utilisation: number,
  nowMs: number,
  rules: SheddingRules,
): SheddingState {
  const { shedAt, hysteresis, holdForMs } = rules;
  let { shed, busyAtMs } = state;
  while (utilisation >= (shedAt[shed] ?? Number.POSITIVE_INFINITY)) shed += 1;
  if (shed > state.shed) return { shed, busyAtMs: nowMs };
  if (shed === 0) return state;
  const isCalmFor = (level: number): boolean => utilisation < (shedAt[level - 1] ?? 0) - hysteresis;
  if (!isCalmFor(shed)) return { shed, busyAtMs: nowMs };
  // Nobody may have called for a long time: then several levels' times have passed.
  while (shed > 0 && isCalmFor(shed) && nowMs - busyAtMs >= holdForMs) {
    shed -= 1;
    busyAtMs += holdForMs;
  }
  return shed === state.shed ? state : { shed, busyAtMs };
}
