import type { Random } from "../clock/clock.ts";
import type { AdaptiveSettings } from "./adaptive-concurrency-options.ts";
import { aimd } from "./aimd.ts";
import { gradient } from "./gradient.ts";
import { gradient2 } from "./gradient2.ts";
import type { LimitAlgorithm, LimitState } from "./limit-algorithm.ts";
import { type Controlled, controlled } from "./limiter.ts";
import { decades, vegas } from "./vegas.ts";

/** The algorithm of the settings, about to begin at a limit. */
export function chooseAlgorithm(
  settings: AdaptiveSettings,
  random: Random,
  limit: number,
  baselineMs?: number,
): Controlled {
  const { algorithm } = settings;
  const from = <S extends LimitState>(chosen: LimitAlgorithm<S>): Controlled =>
    controlled(chosen, chosen.begin(limit, baselineMs));
  const bounds = { min: settings.min, max: settings.max, backoffRatio: settings.backoffRatio };
  switch (algorithm.kind) {
    case "aimd":
      return from(aimd({ ...bounds, ...algorithm }));
    case "gradient":
      return from(gradient({ ...bounds, ...algorithm, random }));
    case "gradient2":
      return from(gradient2({ ...bounds, ...algorithm }));
    case "vegas": {
      const { alpha, beta } = algorithm;
      return from(
        vegas({
          ...bounds,
          ...algorithm,
          alpha: (at) => alpha * decades(at),
          beta: (at) => beta * decades(at),
          threshold: decades,
          increase: (at) => at + decades(at),
          decrease: (at) => at - decades(at),
          random,
        }),
      );
    }
  }
}
