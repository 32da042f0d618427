import type { FaultName } from "./cases.ts";
import type { DefinitionName } from "./definitions.ts";
import type { ModeName } from "./modes.ts";

/** A product that is weaker in one place. The judge has to find it out, or is worth nothing. */
export interface Weakness {
  readonly definition: DefinitionName;
  readonly modes: readonly ModeName[];
  readonly faults: readonly FaultName[];
}

/**
 * - `no-fence`: a worker writes whatever it knows, although another one has taken the operation.
 * - `cancel-believed-to-block`: the cancel is declared to stop a late original, and does not.
 * - `not-found-is-failed`: what the inquiry does not find is taken as refused, at once.
 * - `new-key-each-send`: a second send goes out under another key.
 * - `nothing-durable-before`: the call is made before the intent is committed.
 * - `timeout-is-no-effect`: a call without an answer is taken as one without an effect.
 * - `signal-not-heard`: a longest time in flight is relied upon, and a process that slept sends all the same.
 */
const weaknesses = {
  "no-fence": { definition: "found-undone", modes: ["ok", "answer-late"], faults: ["stop"] },
  "cancel-believed-to-block": {
    definition: "cancel-blocks",
    modes: ["applied-after-cancel"],
    faults: ["kill"],
  },
  "not-found-is-failed": { definition: "cancel-blocks", modes: ["applied-after-inquiry"], faults: ["kill"] },
  "new-key-each-send": { definition: "same-key-again", modes: ["answer-lost"], faults: ["kill"] },
  "nothing-durable-before": { definition: "cancel-blocks", modes: ["ok"], faults: ["kill"] },
  "timeout-is-no-effect": { definition: "two-providers", modes: ["answer-lost"], faults: ["kill"] },
  "signal-not-heard": { definition: "time-in-flight", modes: ["answer-lost"], faults: ["stop"] },
} as const satisfies Readonly<Record<string, Weakness>>;

export type WeaknessName = keyof typeof weaknesses;
export const weaknessNames = Object.keys(weaknesses) as readonly WeaknessName[];
export const weaknessOf = (name: WeaknessName): Weakness => weaknesses[name];
