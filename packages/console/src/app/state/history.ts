import type { ConsoleSnapshot, FaultKind, LaneSnapshot } from "../../index.ts";

/** As many as the server sends in its `history` event: five minutes at two snapshots per second. */
export const maxSnapshots = 600;

/**
 * Appends a snapshot, oldest first.
 *
 * Snapshots that are not older than the new one go: after a reconnect some arrive twice, and when the server's
 * clock was set back, keeping them would make the time axis run backwards.
 */
export function appended(
  history: readonly ConsoleSnapshot[],
  snapshot: ConsoleSnapshot,
): readonly ConsoleSnapshot[] {
  let end = history.length;
  while (end > 0 && (history[end - 1]?.atMs ?? 0) >= snapshot.atMs) end -= 1;
  return [...history.slice(Math.max(0, end - maxSnapshots + 1), end), snapshot];
}

export function defectsOf(lane: LaneSnapshot): number {
  return lane.chargedTwice + lane.chargedWithoutOrder + lane.orderWithoutCharge;
}

/** Nothing arrived for longer than this: the line has a gap there rather than a guess. */
const gapMs = 3_000;

/** Columns for the chart; x is seconds relative to the newest snapshot, so never positive. */
export interface Series {
  readonly x: readonly number[];
  readonly p99: { readonly bare: readonly Value[]; readonly outrigger: readonly Value[] };
  readonly defects: { readonly bare: readonly Value[]; readonly outrigger: readonly Value[] };
  readonly pending: readonly Value[];
}
type Value = number | null;

/** While the shop is down there is nothing to measure, so every line is interrupted. */
export function seriesOf(history: readonly ConsoleSnapshot[]): Series {
  const x: number[] = [];
  const p99 = { bare: [] as Value[], outrigger: [] as Value[] };
  const defects = { bare: [] as Value[], outrigger: [] as Value[] };
  const pending: Value[] = [];
  const newestMs = history.at(-1)?.atMs ?? 0;

  const push = (atMs: number, snapshot: ConsoleSnapshot | undefined): void => {
    const lanes = snapshot?.shop.up ? snapshot.lanes : undefined;
    x.push((atMs - newestMs) / 1_000);
    p99.bare.push(lanes?.bare.p99Ms ?? null);
    p99.outrigger.push(lanes?.outrigger.p99Ms ?? null);
    defects.bare.push(lanes === undefined ? null : defectsOf(lanes.bare));
    defects.outrigger.push(lanes === undefined ? null : defectsOf(lanes.outrigger));
    pending.push(lanes?.outrigger.pending ?? null);
  };

  let previousMs: number | undefined;
  for (const snapshot of history) {
    if (previousMs !== undefined && snapshot.atMs - previousMs > gapMs) push(previousMs + 1, undefined);
    push(snapshot.atMs, snapshot);
    previousMs = snapshot.atMs;
  }
  return { x, p99, defects, pending };
}

/** A stretch of time in which a provider misbehaved; seconds relative to the newest snapshot. */
export interface Trouble<Kind> {
  readonly kind: Kind;
  readonly from: number;
  readonly to: number;
}

export function faultsOf(
  history: readonly ConsoleSnapshot[],
  provider: string,
): readonly Trouble<Exclude<FaultKind, "healthy"> | "down">[] {
  return stretches(history, (snapshot) => {
    const fault = snapshot.providers.find(({ name }) => name === provider)?.fault;
    return fault === "healthy" ? undefined : fault;
  });
}

export function downtimesOf(history: readonly ConsoleSnapshot[]): readonly Trouble<"down">[] {
  return stretches(history, (snapshot) => (snapshot.shop.up ? undefined : "down"));
}

function stretches<Kind>(
  history: readonly ConsoleSnapshot[],
  kindOf: (snapshot: ConsoleSnapshot) => Kind | undefined,
): readonly Trouble<Kind>[] {
  const newestMs = history.at(-1)?.atMs ?? 0;
  const found: { kind: Kind; from: number; to: number }[] = [];
  let current: (typeof found)[number] | undefined;
  for (const snapshot of history) {
    const at = (snapshot.atMs - newestMs) / 1_000;
    const kind = kindOf(snapshot);
    if (current !== undefined) current.to = at;
    if (kind === current?.kind) continue;
    current = kind === undefined ? undefined : { kind, from: at, to: at };
    if (current !== undefined) found.push(current);
  }
  return found;
}

/** Seconds the chart spans: it widens in steps, so that the first minute is not squeezed into a corner. */
export function spanOf(history: readonly ConsoleSnapshot[]): number {
  const seconds = ((history.at(-1)?.atMs ?? 0) - (history[0]?.atMs ?? 0)) / 1_000;
  return [60, 120, 180].find((step) => seconds <= step) ?? 300;
}
