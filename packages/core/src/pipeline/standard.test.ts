import { expect, test } from "vitest";
import {
  adaptiveAttemptTimeout,
  adaptiveConcurrency,
  adaptiveThrottle,
  attemptTimeout,
  bulkhead,
  circuitBreaker,
  concurrencyLimit,
  deadline,
  explain,
  failWhen,
  fallback,
  faultInjection,
  hedge,
  keyedBreaker,
  loadBudget,
  loadShedding,
  type Policy,
  pipeline,
  rateLimit,
  retry,
  type StandardPolicies,
  standardPipeline,
} from "../index.ts";

/** Every policy of the package, by the place in which it belongs. */
const belonging: { readonly [P in keyof StandardPolicies]-?: readonly (() => Policy)[] } = {
  fallback: [() => fallback("")],
  deadline: [() => deadline("9s")],
  hedge: [() => hedge({ budget: loadBudget() })],
  retry: [() => retry()],
  breaker: [() => circuitBreaker(), () => keyedBreaker({ key: String })],
  limits: [
    () => concurrencyLimit(9),
    () => bulkhead(9),
    () => bulkhead({ limit: 9, queue: { maxWaiting: 9 } }),
    () => rateLimit({ permits: 9, per: "1s" }),
    () => rateLimit({ permits: 9, per: "1s", mode: "wait" }),
    () => rateLimit({ permits: 9, per: "1s", cost: () => 1 }),
    () => loadShedding({ levels: [{ name: "all", shedAt: 1 }], utilisation: () => 0 }),
    () => adaptiveConcurrency(),
    () => adaptiveThrottle(),
  ],
  attemptTimeout: [() => attemptTimeout("1s"), () => adaptiveAttemptTimeout({ max: "1s" })],
  failWhen: [() => failWhen(() => undefined)],
  faultInjection: [() => faultInjection({ faults: [] })],
};
const places = Object.keys(belonging) as readonly (keyof StandardPolicies)[];

test.each(places.flatMap((place) => places.map((from) => [place, from] as const)))(
  "standardPipeline.%s takes what belongs there, and of standardPipeline.%s nothing else",
  (place, from) => {
    for (const make of belonging[from]) {
      for (const policy of [make(), pipeline(make())]) {
        const given = { [place]: policy };
        if (place === from) standardPipeline(given);
        else {
          expect(() => standardPipeline(given)).toThrow(TypeError);
          expect(() => standardPipeline(given)).toThrow(
            new RegExp(
              `^standardPipeline\\.${place} takes .+\\(…\\); got \\w+\\(…\\), which belongs in standardPipeline\\.${from}$`,
            ),
          );
        }
      }
    }
  },
);

test("the message names the place, what was given and what belongs there", () => {
  expect(() => standardPipeline({ breaker: concurrencyLimit(3) })).toThrow(
    "standardPipeline.breaker takes circuitBreaker(…) or keyedBreaker(…); got concurrencyLimit(…), which belongs in " +
      "standardPipeline.limits",
  );
  expect(() => standardPipeline({ limits: [concurrencyLimit(3), retry()] })).toThrow(
    "standardPipeline.limits[1] takes concurrencyLimit(…), bulkhead(…), rateLimit(…), loadShedding(…), " +
      "adaptiveConcurrency(…) or adaptiveThrottle(…); got retry(…)",
  );
});

test("what is no policy, or a list where one belongs, is refused", () => {
  expect(() => standardPipeline({ retry: [retry(), retry()] as never })).toThrow(
    "standardPipeline.retry takes one policy; got an array",
  );
  for (const given of [5, "retry", {}]) {
    expect(() => standardPipeline({ limits: given as never })).toThrow(
      "standardPipeline.limits must be a function",
    );
    expect(() => standardPipeline({ retry: given as never })).toThrow(
      "standardPipeline.retry must be a function",
    );
  }
  expect(() => standardPipeline({ limits: [5] as never })).toThrow(
    "standardPipeline.limits[0] must be a function",
  );
  expect(() => standardPipeline(undefined as never)).toThrow("standardPipeline must be an object");
});

test("a policy of one's own may stand in any place, and an empty list in that of the limits", () => {
  const own: Policy = (next) => next;
  for (const place of places) standardPipeline({ [place]: own });
  expect(explain(standardPipeline({ limits: [] })).maxCalls).toBe(1);
});

test("faults strike innermost, also behind the judgement of results", () => {
  const policy = standardPipeline({
    faultInjection: faultInjection({ faults: [] }),
    failWhen: failWhen(() => undefined),
    attemptTimeout: attemptTimeout("1s"),
    retry: retry(),
  });
  expect(
    explain(policy)
      .lines.slice(1)
      .map((line) => line.split(":")[0]),
  ).toEqual(["retry", "attemptTimeout", "failWhen", "faultInjection"]);
});
