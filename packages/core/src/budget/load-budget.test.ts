import fc from "fast-check";
import { expect, test } from "vitest";
import { type LoadBudget, loadBudget, type Reservation } from "../index.ts";

/** Every call fails for ever: `perSecond` first tries a second, each asking for one extra call. */
function outage(budget: LoadBudget, perSecond: number, seconds: number, fromSecond = 0): number {
  let extra = 0;
  for (let call = 0; call < perSecond * seconds; call += 1) {
    const nowMs = fromSecond * 1_000 + (call * 1_000) / perSecond;
    budget.began(nowMs);
    if (budget.reserve(nowMs) !== undefined) extra += 1;
  }
  return extra;
}

test.each([
  // Finagle's default, 20 % and 10 a second over 10 s, at total failure: 30 and 210 retries a second.
  [100, 30],
  [1_000, 210],
  // Hardly any calls: the floor alone covers each of them.
  [1, 1],
])("in a total outage at %i calls a second, %i extra calls a second are made", (perSecond, extra) => {
  const budget = loadBudget();
  for (let window = 0; window < 5; window += 1) {
    const made = outage(budget, perSecond, 10, window * 10);
    expect(Math.abs(made - extra * 10), `window ${window}: ${made}`).toBeLessThanOrEqual(1);
  }
});

test("60 retries a minute for a process is a hard cap, as the SRE book sets it", () => {
  const budget = loadBudget({ ratio: 0, minPerSecond: 1, window: "60s" });
  expect(outage(budget, 100, 60)).toBe(60);
  expect(outage(budget, 100, 60, 60)).toBe(60);
});

test("a budget of 10 % turns three times the load into 1.1 times", () => {
  const budget = loadBudget({ ratio: 0.1, minPerSecond: 0 });
  expect(outage(budget, 1_000, 100)).toBe(10_000);
});

test("a thousand calls that fail at once get 200 retries of a 20 % budget, and 100 more of the floor", () => {
  for (const [minPerSecond, allowed] of [
    [0, 200],
    [10, 300],
  ] as const) {
    const budget = loadBudget({ ratio: 0.2, minPerSecond });
    for (let call = 0; call < 1_000; call += 1) budget.began(0);
    let granted = 0;
    for (let call = 0; call < 1_000; call += 1) if (budget.reserve(0) !== undefined) granted += 1;
    expect(granted).toBe(allowed);
    expect(budget.snapshot()).toMatchObject({ reserved: allowed, refunded: 0, refused: 1_000 - allowed });
  }
});

test("what was earned is kept for one window and no longer", () => {
  const budget = loadBudget({ ratio: 1, minPerSecond: 0, window: "10s" });
  budget.began(0);
  expect(budget.reserve(9_999)).toBeDefined();
  budget.began(20_000);
  expect(budget.reserve(30_000)).toBeUndefined();
});

test("what is refunded can be taken again, once", () => {
  const budget = loadBudget({ ratio: 1, minPerSecond: 0 });
  budget.began(0);
  const reservation = budget.reserve(0);
  expect(budget.reserve(0)).toBeUndefined();
  reservation?.refund();
  reservation?.refund();
  expect(budget.reserve(0)).toBeDefined();
  expect(budget.reserve(0)).toBeUndefined();
  expect(budget.snapshot()).toMatchObject({ reserved: 2, refunded: 1 });
});

test("a refund that comes when the window has passed gives nothing: what it cost is forgotten already", () => {
  const budget = loadBudget({ ratio: 1, minPerSecond: 0, window: "1s" });
  budget.began(0);
  const old = budget.reserve(0);
  budget.began(1_500);
  old?.refund();
  expect(budget.reserve(1_500)).toBeDefined();
  expect(budget.reserve(1_500)).toBeUndefined();
});

test("a budget that was idle for a year starts like a new one", () => {
  const budget = loadBudget({ ratio: 0.5, minPerSecond: 1, window: "1s" });
  outage(budget, 10, 1);
  const yearMs = 365 * 86_400_000;
  budget.began(yearMs);
  expect([budget.reserve(yearMs), budget.reserve(yearMs)].map((each) => each !== undefined)).toEqual([
    true,
    false,
  ]);
});

test("a clock that steps back neither earns nor forgets", () => {
  const budget = loadBudget({ ratio: 1, minPerSecond: 0 });
  budget.began(60_000);
  budget.began(60_000);
  expect(budget.reserve(1)).toBeDefined();
  expect(budget.reserve(60_000)).toBeDefined();
  expect(budget.reserve(1)).toBeUndefined();
  expect(budget.reserve(60_000)).toBeUndefined();
});

test("binary fractions cost nobody a retry: 29 % of 100 is 29", () => {
  const budget = loadBudget({ ratio: 0.29, minPerSecond: 0 });
  expect(outage(budget, 100, 1)).toBe(29);
});

test("an operation that fails takes half of the common part; the others keep what they earned and the rest", () => {
  const budget = loadBudget({ ratio: 0.2, minPerSecond: 10 });
  const failing = budget.operation("confirm");
  const healthy = budget.operation("inquire");
  expect(outage(failing, 100, 1)).toBe(20 + 50);
  expect(outage(budget.operation("cancel"), 100, 1)).toBe(20 + 50);
  // Nothing common is left, and still its own first tries have earned something.
  for (let call = 0; call < 10; call += 1) healthy.began(500);
  expect(healthy.reserve(500)).toBeDefined();
  expect(healthy.reserve(500)).toBeDefined();
  expect(healthy.reserve(500)).toBeUndefined();
  expect(budget.operation("confirm")).toBe(failing);
  expect(budget.snapshot().operations).toMatchObject({
    confirm: { firstTries: 100, extraCalls: 70 },
    inquire: { firstTries: 10, extraCalls: 2 },
  });
});

test("an allowance that changes keeps what has been counted", () => {
  const budget = loadBudget({ ratio: 0.1, minPerSecond: 0 });
  expect(outage(budget, 100, 1)).toBe(10);
  budget.reconfigure({ ratio: 0.2 });
  expect(budget.ratio).toBe(0.2);
  let more = 0;
  while (budget.reserve(999) !== undefined) more += 1;
  expect(more).toBe(10);
  budget.reconfigure({ ratio: 0.05 });
  expect(budget.reserve(999)).toBeUndefined();
  expect(() => budget.reconfigure({ ratio: 0 })).toThrow("must not both be 0");
  expect(() => budget.reconfigure({ window: "1s" } as never)).toThrow("loadBudget.window is not an option");
});

interface ReferenceRules {
  readonly ratio: number;
  readonly minPerSecond: number;
  readonly perOperationShare: number;
}

/** The same rules, by keeping every event and counting anew each time. */
class ReferenceBudget {
  readonly #options: ReferenceRules;
  readonly #events: { operation: string; kind: "first" | "extra"; part: number }[] = [];
  constructor(options: ReferenceRules) {
    this.#options = options;
  }
  began(operation: string, part: number): void {
    this.#events.push({ operation, kind: "first", part });
  }
  reserve(operation: string, part: number): (() => void) | undefined {
    const { ratio, minPerSecond, perOperationShare } = this.#options;
    const beyond = (whose: string, more: number): number => {
      const recent = this.#events.filter((each) => each.operation === whose && each.part > part - 10);
      const extra = recent.filter(({ kind }) => kind === "extra").length + more;
      return Math.max(0, extra - ratio * (recent.length - (extra - more)));
    };
    const own = beyond(operation, 1);
    if (own > 1e-9) {
      if (own > (operation === "" ? 1 : perOperationShare) * minPerSecond + 1e-9) return undefined;
      const others = new Set(this.#events.map((each) => each.operation));
      others.delete(operation);
      const all = [...others].reduce((sum, other) => sum + beyond(other, 0), own);
      if (all > minPerSecond + 1e-9) return undefined;
    }
    const event = { operation, kind: "extra" as const, part };
    this.#events.push(event);
    return () => {
      const index = this.#events.indexOf(event);
      if (index >= 0) this.#events.splice(index, 1);
    };
  }
}

type Step =
  | { readonly kind: "began" | "reserve"; readonly operation: "" | "a" | "b" }
  | "refund"
  | "tick"
  | "leap";

/** @returns whether the last step changed anything. */
function play(steps: readonly Step[], options: { ratio: number; minPerSecond: number }): boolean {
  const rules = { ...options, perOperationShare: 0.5 };
  const budget = loadBudget({ ...rules, window: "1s" });
  const reference = new ReferenceBudget(rules);
  const held: [Reservation, () => void][] = [];
  let nowMs = 0;
  let changed = true;
  for (const step of steps) {
    changed = true;
    if (step === "tick") nowMs += 100;
    else if (step === "leap") nowMs += 1_700;
    else if (step === "refund") {
      changed = held.length > 0;
      const [reservation, forget] = held.shift() ?? [];
      reservation?.refund();
      forget?.();
    } else {
      const part = step.operation === "" ? budget : budget.operation(step.operation);
      const slot = Math.floor(nowMs / 100);
      if (step.kind === "began") {
        part.began(nowMs);
        reference.began(step.operation, slot);
        continue;
      }
      const reservation = part.reserve(nowMs);
      const expected = reference.reserve(step.operation, slot);
      if ((reservation === undefined) !== (expected === undefined)) {
        expect.fail(`${JSON.stringify(steps)}: ${reservation === undefined ? "refused" : "granted"}`);
      }
      changed = expected !== undefined;
      if (reservation !== undefined && expected !== undefined) held.push([reservation, expected]);
    }
  }
  return changed;
}

const steps: readonly Step[] = [
  { kind: "began", operation: "" },
  { kind: "reserve", operation: "" },
  { kind: "began", operation: "a" },
  { kind: "reserve", operation: "a" },
  "refund",
  "tick",
  "leap",
];

/** Neighbours that could change places without a difference: counting and giving back, and two ways to pass time. */
const interchangeable: readonly (readonly Step[])[] = [
  [steps[0] as Step, steps[2] as Step, "refund"],
  ["tick", "leap"],
];

/** Whether the same two steps the other way round are looked at as well. */
function isRepeated(step: Step, before: Step | undefined): boolean {
  return interchangeable.some(
    (group) => before !== undefined && group.includes(before) && group.indexOf(step) > group.indexOf(before),
  );
}

test("every sequence of eight steps is decided as by a reference that counts anew each time", () => {
  // A step that changed nothing leaves what a shorter sequence leaves, and that one is looked at as well.
  const explore = (before: readonly Step[], depth: number): void => {
    for (const step of steps) {
      if (isRepeated(step, before.at(-1))) continue;
      const sequence = [...before, step];
      if (play(sequence, { ratio: 0.5, minPerSecond: 1 }) && depth > 1) explore(sequence, depth - 1);
    }
  };
  explore([], 8);
}, 120_000);

test("so are random sequences of three operations, the longest of ten thousand steps", () => {
  const step = fc.oneof(
    { weight: 3, arbitrary: fc.constantFrom(...steps) },
    fc.constantFrom<Step>({ kind: "began", operation: "b" }, { kind: "reserve", operation: "b" }),
  );
  fc.assert(
    fc.property(
      fc.oneof(
        { weight: 20, arbitrary: fc.array(step, { minLength: 100, maxLength: 400 }) },
        fc.array(step, { minLength: 10_000, maxLength: 10_000 }),
      ),
      fc.constantFrom(0, 0.2, 0.5, 1),
      fc.constantFrom(1, 2, 5),
      (sequence, ratio, minPerSecond) => void play(sequence, { ratio, minPerSecond }),
    ),
    { numRuns: 60 },
  );
});

test("what is reserved is refunded or spent, and no window sees more than its allowance", () => {
  fc.assert(
    fc.property(
      fc.array(fc.tuple(fc.constantFrom("began", "reserve", "refund"), fc.integer({ min: 0, max: 400 })), {
        maxLength: 300,
      }),
      (events) => {
        const budget = loadBudget({ ratio: 0.3, minPerSecond: 2, window: "1s" });
        const held: Reservation[] = [];
        const first: number[] = [];
        const spent: number[] = [];
        let nowMs = 0;
        let refunded = 0;
        for (const [kind, waitMs] of events) {
          nowMs += waitMs;
          const part = Math.floor(nowMs / 100);
          if (kind === "began") {
            budget.began(nowMs);
            first.push(part);
          } else if (kind === "refund") {
            const reservation = held.pop();
            if (reservation === undefined) continue;
            reservation.refund();
            spent.pop();
            refunded += 1;
          } else {
            const reservation = budget.reserve(nowMs);
            if (reservation === undefined) continue;
            held.push(reservation);
            spent.push(part);
            const recent = (parts: number[]): number => parts.filter((each) => each > part - 10).length;
            expect(recent(spent)).toBeLessThanOrEqual(0.3 * recent(first) + 2 + 1e-9);
          }
        }
        const { reserved, refunded: given } = budget.snapshot();
        expect([reserved - given, given]).toEqual([spent.length, refunded]);
      },
    ),
    { numRuns: 200 },
  );
});

test("wrong options are refused with their path and the fix", () => {
  expect(() => loadBudget({ ratio: 20 })).toThrow(
    "loadBudget.ratio must be a number between 0 and 1; got 20: write 0.2 for 20 %",
  );
  expect(() => loadBudget({ ratio: -0.1 })).toThrow("got -0.1");
  expect(() => loadBudget({ ratio: Number.NaN })).toThrow("got NaN");
  expect(() => loadBudget({ minPerSecond: Number.POSITIVE_INFINITY })).toThrow(
    "loadBudget.minPerSecond must be a number between 0 and 1000000; got Infinity",
  );
  expect(() => loadBudget({ ratio: 0, minPerSecond: 0 })).toThrow("the budget would never allow anything");
  expect(() => loadBudget({ window: 10 as never })).toThrow(
    "loadBudget.window must be a duration with a unit",
  );
  expect(() => loadBudget({ window: "1ms" })).toThrow("loadBudget.window must lie between 100ms and 1h");
  expect(() => loadBudget({ perOperationShare: 0 })).toThrow(
    "loadBudget.perOperationShare must be a ratio above 0",
  );
  expect(() => loadBudget({ ttl: "10s" } as never)).toThrow("loadBudget.ttl is not an option");
  expect(() => loadBudget({ name: "" })).toThrow("loadBudget.name must be a non-empty string");
  expect(() => loadBudget().operation("")).toThrow("loadBudget.operation must be a non-empty string");
});

test("what is given back when its window has just passed makes no room in the next one", () => {
  const budget = loadBudget({ ratio: 0, minPerSecond: 1, window: "1s" });
  const first = budget.reserve(0);
  expect(budget.reserve(1_000)).toBeDefined();
  first?.refund();
  expect(budget.reserve(1_000)).toBeUndefined();
});
