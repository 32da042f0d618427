import type { Policy } from "../context/call.ts";
import type { CallContext } from "../context/call-context.ts";
import { durationText } from "../duration/duration.ts";
import { coreFailureCodes, Failure } from "../failure/failure.ts";
import { assertOptions, oneOf } from "../options/options.ts";
import { observerOf } from "../options/policy-options.ts";
import { type Gate, gatePolicy } from "../pipeline/gate.ts";
import { type LoadSheddingOptions, type SheddingLevel, sheddingSettings } from "./load-shedding-options.ts";
import { calm, type SheddingState, stepShedding } from "./shedding-step.ts";

/** What may change while calls run. */
export interface LoadSheddingChange {
  /** The same levels in the same order, with other thresholds. */
  readonly levels?: readonly SheddingLevel[] | undefined;
  readonly hysteresis?: number | undefined;
  readonly holdFor?: LoadSheddingOptions["holdFor"];
  readonly retryAfter?: LoadSheddingOptions["retryAfter"];
}

/** Plain JSON. */
export interface LoadSheddingSnapshot {
  readonly kind: "loadShedding";
  readonly name: string | undefined;
  /** When it was last looked at; undefined before the first call. */
  readonly utilisation: number | undefined;
  /** The levels that are shed, the least important first. */
  readonly shed: readonly string[];
  readonly levels: readonly LevelCounts[];
}

/** Calls of one level since the start. */
export interface LevelCounts {
  readonly level: string;
  /** `null` is never. */
  readonly shedAt: number | null;
  readonly admitted: number;
  readonly rejected: number;
}

export type LoadShedding = Policy & {
  /**
   * The same shedding as a policy for calls of this level: for the operations that a caller can do without, say.
   *
   * @throws RangeError when there is no such level.
   */
  level(name: string): Policy;
  snapshot(): LoadSheddingSnapshot;
  /**
   * Changes what is given and keeps the rest, the counts and what is shed now; `undefined` stands for the default.
   *
   * @throws RangeError or TypeError that names the option, its value and the fix; nothing has changed then.
   */
  reconfigure(change: LoadSheddingChange): void;
};

/**
 * Turns away the less important calls while there is too much to do, so that the important ones get through: the
 * least important level first, the next one when that was not enough. The most important level is shed only where
 * it was given a threshold.
 *
 * Shedding begins with the first call that sees the threshold reached, and ends one level at a time when the
 * utilisation has been `hysteresis` below it for `holdFor`. The same calls at the same times are always treated
 * alike: no chance is involved. A level is told by `levelOf`, or by the policy that {@link LoadShedding.level}
 * gives; a call of which nothing is known counts as the most important.
 *
 * @throws {@link Failure} `LOAD_SHED` with effect `none`, kind `rejected` and `retryAfterMs`.
 */
export function loadShedding(options: LoadSheddingOptions): LoadShedding {
  let given = options;
  let settings = sheddingSettings(given);
  const { levelOf } = settings;
  const names = settings.names;
  const { name, emit } = observerOf("loadShedding", given);
  const counts = names.map(() => ({ admitted: 0, rejected: 0 }));
  let state: SheddingState = calm;
  let seen: number | undefined;

  const look = (nowMs: number): void => {
    const utilisation = settings.utilisation();
    // A signal that fails says nothing: what is shed stays shed, and what is not is let through.
    if (utilisation === undefined) return;
    seen = utilisation;
    const before = state.shed;
    state = stepShedding(state, utilisation, nowMs, settings.rules);
    if (state.shed === before) return;
    emit?.({ type: "sheddingChanged", name, shed: names.slice(0, state.shed), utilisation });
  };

  const rejection = (index: number, { operation }: CallContext): Failure => {
    const code = coreFailureCodes.loadShed;
    const { retryAfterMs } = settings;
    const level = names[index] ?? "";
    const utilisation = seen ?? 0;
    emit?.({ type: "loadShed", name, operation, code, level, utilisation, retryAfterMs });
    const whose = name === undefined ? "" : ` of ${name}`;
    return new Failure(
      `calls${whose} of level "${level}" are shed at a utilisation of ${round(utilisation)}; ` +
        `try again in ${durationText(retryAfterMs)}`,
      { code, effect: "none", kind: "rejected", retryAfterMs },
    );
  };

  const gateFor = (indexOf: (context: CallContext) => number): Gate => ({
    admit(nowMs, context) {
      look(nowMs);
      const index = indexOf(context);
      const count = counts[index];
      const isShed = index < state.shed;
      if (count !== undefined) count[isShed ? "rejected" : "admitted"] += 1;
      return isShed ? -1 : 0;
    },
    rejection: (_, context) => rejection(indexOf(context), context),
    settle() {},
  });

  const policyFor = (indexOf: (context: CallContext) => number): Policy =>
    gatePolicy(gateFor(indexOf), { kind: "gate", policy: "loadShedding", name });

  return Object.assign(policyFor(levelOf), {
    level(level: string) {
      const index = names.indexOf(oneOf("loadShedding.level", level, names));
      return policyFor(() => index);
    },
    snapshot: (): LoadSheddingSnapshot => ({
      kind: "loadShedding",
      name,
      utilisation: seen,
      shed: names.slice(0, state.shed),
      levels: names.map((level, index) => {
        const shedAt = settings.rules.shedAt[index] ?? Number.POSITIVE_INFINITY;
        const { admitted = 0, rejected = 0 } = counts[index] ?? {};
        return { level, shedAt: shedAt === Number.POSITIVE_INFINITY ? null : shedAt, admitted, rejected };
      }),
    }),
    reconfigure(change: LoadSheddingChange) {
      assertOptions("loadShedding", change, ["levels", "hysteresis", "holdFor", "retryAfter"]);
      // Levels that are missing now are refused with the rest of the settings.
      const merged = { ...given, ...change } as LoadSheddingOptions;
      const next = sheddingSettings(merged);
      if (next.names.join("\n") !== names.join("\n")) {
        throw new TypeError(
          `loadShedding.levels must stay ${names.map((each) => `"${each}"`).join(", ")}; only thresholds may change`,
        );
      }
      settings = next;
      given = merged;
    },
  });
}

function round(utilisation: number): number {
  return Math.round(utilisation * 100) / 100;
}
