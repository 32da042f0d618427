import { type Random, systemRandom } from "../clock/clock.ts";
import { functionAt } from "./policy-options.ts";

/**
 * What a function of the user's answers; undefined when it throws, or answers with a promise: nobody can wait for it
 * here, and what it rejects with must not end the process.
 */
export function answerOf<Given extends readonly unknown[], T>(
  ask: (...given: Given) => T,
  ...given: Given
): T | undefined {
  try {
    const answer = ask(...given);
    if (!isPromise(answer)) return answer;
    answer.then(undefined, () => {});
    return undefined;
  } catch {
    return undefined;
  }
}

/** What a yes-or-no function of the user's answers; undefined for anything but a yes or a no. */
export function yesOrNo<Given extends readonly unknown[]>(
  ask: (...given: Given) => unknown,
  ...given: Given
): boolean | undefined {
  const answer = answerOf(ask, ...given);
  return typeof answer === "boolean" ? answer : undefined;
}

/**
 * The same source of chance, where what is no number in [0, 1), or is thrown, stands for the middle.
 *
 * @throws TypeError that names the path and the value.
 */
export function randomAt(path: string, random: Random): Random {
  functionAt(path, random);
  if (random === systemRandom) return random;
  return () => {
    const drawn: unknown = answerOf(random);
    return typeof drawn === "number" && drawn >= 0 && drawn < 1 ? drawn : 0.5;
  };
}

function isPromise(value: unknown): value is PromiseLike<unknown> {
  return (
    typeof value === "object" && value !== null && typeof (value as { then?: unknown }).then === "function"
  );
}
