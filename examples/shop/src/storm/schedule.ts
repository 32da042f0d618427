import type { Random } from "@outrigger/core";
import { type FaultKind, faultKinds, shuffled } from "@outrigger/lab";

/** One fault of one provider, from `atMs` after the storm's start until that provider's next entry. */
interface FaultEntry {
  readonly atMs: number;
  readonly provider: string;
  readonly kind: FaultKind;
}

export interface StormSchedule {
  readonly faults: readonly FaultEntry[];
  /** Instants after the storm's start at which the shop is killed. */
  readonly killsAtMs: readonly number[];
}

/**
 * Every fault kind once per provider, each provider in an order of its own, and kills spread over the storm.
 *
 * The same seed gives the same storm.
 *
 * @param durationMs - Length of the storm.
 */
export function stormSchedule(
  durationMs: number,
  providers: readonly string[],
  random: Random,
): StormSchedule {
  const slotMs = durationMs / faultKinds.length;
  const faults = providers.flatMap((provider) =>
    faultOrder(random).map((kind, index) => ({ atMs: Math.round(index * slotMs), provider, kind })),
  );
  const kills = Math.max(1, Math.round(durationMs / 10_000), durationMs >= 20_000 ? 5 : 1);
  const gapMs = durationMs / (kills + 1);
  const killsAtMs = Array.from({ length: kills }, (_, index) =>
    Math.round((index + 1) * gapMs + (random() - 0.5) * 0.6 * gapMs),
  );
  return { faults: faults.sort((a, b) => a.atMs - b.atMs), killsAtMs };
}

/** Any order, but unanswered cancels follow hanging charges: nothing else leaves many charges to cancel. */
function faultOrder(random: Random): FaultKind[] {
  const others: FaultKind[] = shuffled(
    faultKinds.filter((kind) => kind !== "dropCancelAnswer"),
    random,
  );
  others.splice(others.indexOf("hangBeforeApply") + 1, 0, "dropCancelAnswer");
  return others;
}
