import type { CallContext } from "../context/call-context.ts";
import { type Duration, durationMs, show } from "../duration/duration.ts";
import { assertObject, assertOptions, nonEmptyString } from "../options/options.ts";
import { functionAt, type PolicyOptions, policyOptionKeys } from "../options/policy-options.ts";
import { answerOf } from "../options/user-functions.ts";
import type { SheddingRules } from "./shedding-step.ts";

export interface SheddingLevel {
  readonly name: string;
  /**
   * Utilisation at which calls of this level are turned away. Only the most important level may leave it out, and
   * is then never shed. Range: above 0; rising from level to level.
   */
  readonly shedAt?: number | undefined;
}

export interface LoadSheddingOptions extends PolicyOptions {
  /** The least important first. At least one. */
  readonly levels: readonly SheddingLevel[];
  /**
   * How busy we are, where 1 is all that there is: a bulkhead's `utilisation`, its queue time or the delay of the
   * event loop as a share of what is bearable, or the largest of these. Asked at each call.
   */
  readonly utilisation: () => number;
  /** The level of a call. What is none of the levels counts as the most important. */
  readonly levelOf?: ((context: CallContext) => string | undefined) | undefined;
  /** How far the utilisation must be below a level's threshold before it is let through again. @defaultValue 0.1 */
  readonly hysteresis?: number | undefined;
  /** For how long it must be there, for each level anew. @defaultValue "1s" */
  readonly holdFor?: Duration | undefined;
  /** What a rejection tells the caller to wait. @defaultValue "1s" */
  readonly retryAfter?: Duration | undefined;
}

/**
 * - `hysteresis` 0.1: a tenth of the capacity; a call more or less must not switch a level on and off.
 * - `holdFor` 1 s: longer than most calls, so that what a level's return adds is seen before the next returns.
 * - `retryAfter` 1 s: the least that an HTTP `Retry-After` header can say.
 */
export const loadSheddingDefaults: {
  readonly hysteresis: number;
  readonly holdFor: Duration;
  readonly retryAfter: Duration;
} = { hysteresis: 0.1, holdFor: "1s", retryAfter: "1s" };

export interface SheddingSettings {
  readonly rules: SheddingRules;
  readonly names: readonly string[];
  readonly retryAfterMs: number;
  /** Undefined when the signal failed. */
  readonly utilisation: () => number | undefined;
  readonly levelOf: (context: CallContext) => number;
}

const path = "loadShedding";

/** @throws RangeError or TypeError that names the option, its value and the fix. */
export function sheddingSettings(options: LoadSheddingOptions): SheddingSettings {
  assertOptions(path, options, [
    ...["levels", "utilisation", "levelOf", "hysteresis", "holdFor", "retryAfter"],
    ...policyOptionKeys,
  ]);
  const { levels, utilisation, levelOf, hysteresis = loadSheddingDefaults.hysteresis } = options;
  functionAt(`${path}.utilisation`, utilisation);
  if (levelOf !== undefined) functionAt(`${path}.levelOf`, levelOf);
  const shedAt = thresholds(levels);
  const lowest = shedAt[0] ?? 0;
  if (typeof hysteresis !== "number" || !(hysteresis >= 0 && hysteresis < lowest)) {
    throw new RangeError(
      `${path}.hysteresis must be 0 or more and below the lowest threshold (${lowest}), or its level could ` +
        `never be let through again; got ${show(hysteresis)}`,
    );
  }
  const names = levels.map(({ name }) => name);
  return {
    rules: {
      shedAt,
      hysteresis,
      holdForMs: durationMs(`${path}.holdFor`, options.holdFor ?? loadSheddingDefaults.holdFor, { minMs: 0 }),
    },
    names,
    retryAfterMs: durationMs(`${path}.retryAfter`, options.retryAfter ?? loadSheddingDefaults.retryAfter, {
      minMs: 0,
    }),
    utilisation: () => finite(utilisation),
    levelOf: (context) => indexOf(names, levelOf, context),
  };
}

function thresholds(levels: unknown): number[] {
  if (!Array.isArray(levels) || levels.length === 0) {
    throw new TypeError(
      `${path}.levels must be a list of levels, the least important first; got ${show(levels)}`,
    );
  }
  const names: string[] = [];
  return levels.map((level: unknown, index) => {
    const at = `${path}.levels[${index}]`;
    assertOptions(at, level, ["name", "shedAt"]);
    assertObject(at, level);
    const name = nonEmptyString(`${at}.name`, level["name"]);
    if (names.includes(name)) throw new TypeError(`${at}.name must not repeat "${name}"`);
    names.push(name);
    return threshold(at, level["shedAt"], index === levels.length - 1, levels[index - 1]?.shedAt ?? 0);
  });
}

function threshold(at: string, value: unknown, isMostImportant: boolean, before: number): number {
  if (value === undefined && isMostImportant) return Number.POSITIVE_INFINITY;
  if (typeof value !== "number" || !Number.isFinite(value) || !(value > before)) {
    const range = before > 0 ? `above that of the level before (${before})` : "a number above 0";
    throw new RangeError(`${at}.shedAt must be ${range}; got ${show(value)}`);
  }
  return value;
}

function finite(utilisation: () => number): number | undefined {
  const value: unknown = answerOf(utilisation);
  return typeof value === "number" && Number.isFinite(value) ? value : undefined;
}

function indexOf(
  names: readonly string[],
  levelOf: LoadSheddingOptions["levelOf"],
  context: CallContext,
): number {
  const mostImportant = names.length - 1;
  // What sorts calls must not fail them.
  const level = levelOf === undefined ? undefined : answerOf(levelOf, context);
  const index = level === undefined ? -1 : names.indexOf(level);
  return index < 0 ? mostImportant : index;
}
