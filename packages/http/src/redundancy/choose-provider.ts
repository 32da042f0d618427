/** A provider that may be asked, as the choice sees it. */
export interface Candidate {
  /** 1 is asked first; the next number takes what the ones before it cannot. */
  readonly priority: number;
  /** Share among those of the same priority. Range: above 0. */
  readonly weight: number;
  /** What part of its calls its health lets it have. Range: 0 to 1. */
  readonly health: number;
}

/**
 * The share of the calls that each candidate gets, in the order of the candidates; they add up to 1 unless there is none.
 *
 * Each priority takes as large a part of the calls that reach it as its healthiest member can, and hands on the rest:
 * so two healthy members of three carry everything, and one that recovers alone shares with the next priority. Within
 * a priority the part is split by weight times health. Where the last priority is not healthy either, what is left over
 * is split as the rest was. Where nobody is healthy at all, everybody is asked by priority and weight: their circuits
 * turn the call away, which costs nothing, and one that has been closed meanwhile takes it.
 */
export function sharesOf(candidates: readonly Candidate[]): readonly number[] {
  const healthy = split(candidates, ({ health }) => health);
  return total(healthy) > 0 ? normalised(healthy) : normalised(split(candidates, () => 1));
}

/**
 * The candidate that a draw falls on.
 *
 * @param draw - Range: 0 to 1, 1 excluded.
 * @returns its index; undefined when there is no candidate.
 */
export function chooseIndex(candidates: readonly Candidate[], draw: number): number | undefined {
  const shares = sharesOf(candidates);
  let left = draw;
  let last: number | undefined;
  for (const [index, share] of shares.entries()) {
    if (share === 0) continue;
    if (left < share) return index;
    left -= share;
    last = index;
  }
  // Rounding may leave a hair of the draw.
  return last;
}

/**
 * In which order to ask all candidates for one call: each place is drawn from those that are left.
 *
 * @param random - Asked once for each place that more than one candidate can take.
 */
export function orderOf<C extends Candidate>(candidates: readonly C[], random: () => number): readonly C[] {
  const left = [...candidates];
  const order: C[] = [];
  while (left.length > 0) {
    const index = left.length === 1 ? 0 : (chooseIndex(left, random()) as number);
    order.push(...left.splice(index, 1));
  }
  return order;
}

function split(candidates: readonly Candidate[], healthOf: (candidate: Candidate) => number): number[] {
  const shares = candidates.map(() => 0);
  const priorities = [...new Set(candidates.map(({ priority }) => priority))].sort((a, b) => a - b);
  let reaching = 1;
  for (const priority of priorities) {
    const members = [...candidates.entries()].filter(([, each]) => each.priority === priority);
    const taken = reaching * Math.max(...members.map(([, each]) => healthOf(each)));
    const whole = total(members.map(([, each]) => each.weight * healthOf(each)));
    if (whole === 0) continue;
    for (const [index, each] of members) shares[index] = (taken * each.weight * healthOf(each)) / whole;
    reaching -= taken;
  }
  return shares;
}

function normalised(shares: readonly number[]): readonly number[] {
  const all = total(shares);
  return all === 0 ? shares : shares.map((share) => share / all);
}

function total(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0);
}
