import { expect, test } from "vitest";
import {
  adaptiveConcurrency,
  adaptiveThrottle,
  bulkhead,
  concurrencyLimit,
  fixed,
  hedge,
  loadBudget,
  loadShedding,
  rateLimit,
  retry,
} from "../index.ts";

interface Changeable {
  snapshot(): unknown;
  reconfigure(change: never): void;
}

// One meaning everywhere: what is left out stays, undefined stands for the default, a refused change changes nothing.
interface Change {
  readonly of: string;
  readonly make: () => Changeable;
  /** Something else than the option that is shown. */
  readonly other: object;
  readonly key: string;
  readonly shown: string;
  readonly given: unknown;
  readonly byDefault: unknown;
}

const changes: readonly Change[] = [
  {
    of: "retry",
    make: () => retry({ maxRetries: 7, backoff: fixed("1s") }),
    other: { jitter: "none" },
    key: "maxRetries",
    shown: "maxRetries",
    given: 7,
    byDefault: 2,
  },
  {
    of: "loadBudget",
    make: () => loadBudget({ ratio: 0.5 }),
    other: { minPerSecond: 3 },
    key: "ratio",
    shown: "ratio",
    given: 0.5,
    byDefault: 0.2,
  },
  {
    of: "hedge",
    make: () => hedge({ budget: loadBudget(), maxHedges: 3 }),
    other: { percentile: 0.9 },
    key: "maxHedges",
    shown: "maxHedges",
    given: 3,
    byDefault: 1,
  },
  {
    of: "rateLimit",
    make: () => rateLimit({ permits: 5, per: "1s", burst: 2 }),
    other: { per: "2s" },
    key: "burst",
    shown: "burst",
    given: 2,
    byDefault: 5,
  },
  {
    of: "adaptiveConcurrency",
    make: () => adaptiveConcurrency({ max: 50 }),
    other: { min: 2 },
    key: "max",
    shown: "max",
    given: 50,
    byDefault: 200,
  },
  {
    of: "adaptiveThrottle",
    make: () => adaptiveThrottle({ k: 3 }),
    other: { window: "1m" },
    key: "k",
    shown: "k",
    given: 3,
    byDefault: 2,
  },
];

test.each(changes)(
  "$of keeps $key when something else is changed, and takes its default for undefined",
  (each) => {
    const policy = each.make();
    const shown = (): unknown => (policy.snapshot() as Record<string, unknown>)[each.shown];
    expect(shown()).toBe(each.given);
    policy.reconfigure(each.other as never);
    expect(shown()).toBe(each.given);
    expect(() => policy.reconfigure({ ...each.other, [each.key]: -1 } as never)).toThrow(
      `${each.of}.${each.key}`,
    );
    expect(shown()).toBe(each.given);
    policy.reconfigure({ [each.key]: undefined } as never);
    expect(shown()).toBe(each.byDefault);
    policy.reconfigure({} as never);
    expect(shown()).toBe(each.byDefault);
  },
);

const required: readonly [of: string, policy: Changeable, change: object, message: string][] = [
  [
    "concurrencyLimit",
    concurrencyLimit(3),
    { limit: undefined },
    "concurrencyLimit.limit must be a whole number",
  ],
  ["bulkhead", bulkhead(3), { limit: undefined }, "bulkhead.limit must be a whole number"],
  [
    "bulkhead's queue",
    bulkhead({ limit: 3, queue: { maxWaiting: 2 } }),
    { queue: { maxWaiting: undefined } },
    "bulkhead.queue.maxWaiting must be a whole number",
  ],
  [
    "rateLimit",
    rateLimit({ permits: 1, per: "1s" }),
    { permits: undefined },
    "rateLimit.permits must be a whole",
  ],
  [
    "loadShedding",
    loadShedding({ levels: [{ name: "all", shedAt: 0.5 }], utilisation: () => 0 }),
    { levels: undefined },
    "loadShedding.levels must be a list of levels",
  ],
];

test.each(required)("what %s must be given cannot be taken back", (_, policy, change, message) => {
  const before = policy.snapshot();
  expect(() => policy.reconfigure(change as never)).toThrow(message);
  expect(policy.snapshot()).toEqual(before);
});
