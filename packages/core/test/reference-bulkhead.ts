export interface ReferenceBulkheadRules {
  readonly maxWaiting: number;
  readonly expiresAfterMs: number;
  readonly newestFirst: boolean;
  readonly maxOvertakes: number;
}

interface Somebody {
  readonly id: number;
  readonly level: number;
  readonly atMs: number;
}

/** A bulkhead as a value: who runs, who waits, and what everybody was told. */
export interface ReferenceBulkhead {
  readonly limit: number;
  readonly running: readonly number[];
  /** In the order of coming. */
  readonly waiting: readonly Somebody[];
  /** Turns in a row that went over somebody older and less important. */
  readonly overtakes: number;
  readonly told: readonly string[];
}

export const emptyBulkhead = (limit: number): ReferenceBulkhead => ({
  limit,
  running: [],
  waiting: [],
  overtakes: 0,
  told: [],
});

export function arrive(
  state: ReferenceBulkhead,
  who: Somebody,
  { maxWaiting }: ReferenceBulkheadRules,
): ReferenceBulkhead {
  if (state.running.length < state.limit) return runs(state, who);
  if (state.waiting.length < maxWaiting) return { ...state, waiting: [...state.waiting, who] };
  const lowest = Math.min(...state.waiting.map(({ level }) => level));
  const victim = state.waiting.findLast(({ level }) => level === lowest);
  if (victim === undefined || lowest >= who.level) return tell(state, `${who.id} full`);
  const others = state.waiting.filter((each) => each !== victim);
  return tell({ ...state, waiting: [...others, who] }, `${victim.id} displaced`);
}

export function finish(
  state: ReferenceBulkhead,
  id: number,
  nowMs: number,
  rules: ReferenceBulkheadRules,
): ReferenceBulkhead {
  return serve({ ...state, running: state.running.filter((each) => each !== id) }, nowMs, rules);
}

export function goAway(state: ReferenceBulkhead, id: number): ReferenceBulkhead {
  return { ...state, waiting: state.waiting.filter((each) => each.id !== id) };
}

export function resize(
  state: ReferenceBulkhead,
  limit: number,
  nowMs: number,
  rules: ReferenceBulkheadRules,
): ReferenceBulkhead {
  return serve({ ...state, limit }, nowMs, rules);
}

function serve(state: ReferenceBulkhead, nowMs: number, rules: ReferenceBulkheadRules): ReferenceBulkhead {
  const [oldest] = state.waiting;
  if (oldest === undefined || state.running.length >= state.limit) return state;
  const highest = Math.max(...state.waiting.map(({ level }) => level));
  const level = state.overtakes >= rules.maxOvertakes ? oldest.level : highest;
  const candidates = state.waiting.filter((each) => each.level === level);
  const next = (rules.newestFirst ? candidates.at(-1) : candidates[0]) ?? oldest;
  const after = {
    ...state,
    waiting: state.waiting.filter((each) => each !== next),
    overtakes: level === oldest.level ? 0 : state.overtakes + 1,
  };
  const expired = nowMs - next.atMs >= rules.expiresAfterMs;
  return serve(expired ? tell(after, `${next.id} expired`) : runs(after, next), nowMs, rules);
}

const runs = (state: ReferenceBulkhead, { id }: Somebody): ReferenceBulkhead =>
  tell({ ...state, running: [...state.running, id] }, `${id} runs`);

const tell = (state: ReferenceBulkhead, what: string): ReferenceBulkhead => ({
  ...state,
  told: [...state.told, what],
});
