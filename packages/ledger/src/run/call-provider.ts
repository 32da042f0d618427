import type { CallInfo } from "../operation/definition.ts";
import { cancelKeyOf, sentKey } from "../operation/key.ts";
import { boundedCall } from "./bounded-call.ts";
import { about } from "./describe.ts";
import { type AnyDefinition, currentProvider, type Engine, type Held, marginMs } from "./engine.ts";
import type { StopSignal } from "./stop-signal.ts";

/** Runs one of the provider's functions within the lease. */
export function callProvider<Tx, T>(
  engine: Engine<Tx>,
  definition: AnyDefinition<Tx>,
  { row, leaseEndsAtMs }: Held,
  signal: StopSignal | undefined,
  work: (input: unknown, info: CallInfo) => Promise<T>,
  onLate?: (outcome: PromiseSettledResult<T>) => void,
): Promise<T> {
  const margin = marginMs(definition.leaseMs);
  const deadlineAtMs = leaseEndsAtMs - margin;
  const scope = currentProvider(definition, row)?.keyScope ?? "operation";
  const key = sentKey(row.operation, row.key, scope);
  return boundedCall(
    {
      clock: engine.clock,
      deadlineAtMs,
      graceMs: margin / 2,
      signal,
      onLate: (outcome) => {
        engine.emit({ type: "lateAnswer", ...about(row) });
        onLate?.(outcome);
      },
    },
    (inner) =>
      work(JSON.parse(row.request), {
        key,
        cancelKey: cancelKeyOf(key),
        provider: row.provider,
        get signal() {
          return inner.signal;
        },
        attempt: row.attempt,
        deadlineAtMs,
      }),
  );
}
