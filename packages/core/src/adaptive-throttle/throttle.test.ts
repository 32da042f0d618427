import { seededRandom } from "@outrigger/lab";
import fc from "fast-check";
import { expect, test } from "vitest";
import { mostInARow, rejectionProbability, Throttle, type ThrottleRules } from "./throttle.ts";

const rules: ThrottleRules = { k: 2, windowMs: 120_000, maxRejection: 0.9, minimumRequests: 1 };

test.each([
  // requests, accepts, k, probability
  [0, 0, 2, 0],
  [1, 1, 2, 0],
  [1, 0, 2, 1 / 2],
  [9, 0, 2, 9 / 10],
  [10, 5, 2, 0],
  [10, 4, 2, 2 / 11],
  [100, 30, 2, 40 / 101],
  [100, 60, 2, 0],
  [100, 60, 1.5, 10 / 101],
  [100, 90, 1.1, 1 / 101],
  [999, 0, 2, 0.999],
  [1_000_000, 0, 2, 1_000_000 / 1_000_001],
])(
  "of %d requests %d accepted, k %d: the probability is %d as published",
  (requests, accepts, k, expected) => {
    expect(rejectionProbability(requests, accepts, k)).toBeCloseTo(expected, 12);
    expect(rejectionProbability(requests, accepts, k, 0.9)).toBeCloseTo(Math.min(0.9, expected), 12);
  },
);

test("a request counts when its outcome is known, so a burst does not throttle itself", () => {
  const throttle = new Throttle(rules, () => 0);
  for (let index = 0; index < 1_000; index += 1) {
    expect(throttle.admit(0, throttle.probability(0))).toBe(true);
  }
  for (let index = 0; index < 1_000; index += 1) throttle.settled(true, 1);
  expect([throttle.requests, throttle.accepts, throttle.probability(1)]).toEqual([1_000, 1_000, 0]);
});

test("who is turned away counts as a request", () => {
  const throttle = new Throttle(rules, () => 0);
  throttle.settled(false, 0);
  expect(throttle.probability(0)).toBe(1 / 2);
  expect(throttle.admit(0, 1 / 2)).toBe(false);
  expect([throttle.requests, throttle.accepts]).toEqual([2, 0]);
  expect(throttle.probability(0)).toBe(2 / 3);
});

test("chance decides at the probability exactly: a number below it turns away, the number itself does not", () => {
  let drawn = 0.5;
  const throttle = new Throttle(rules, () => drawn);
  expect(throttle.admit(0, 0.5)).toBe(true);
  drawn = 0.499_999;
  expect(throttle.admit(0, 0.5)).toBe(false);
  expect(throttle.admit(0, 0)).toBe(true);
});

test("fewer requests than the minimum turn nobody away", () => {
  const throttle = new Throttle({ ...rules, minimumRequests: 10 }, () => 0);
  for (let index = 0; index < 9; index += 1) throttle.settled(false, 0);
  expect(throttle.probability(0)).toBe(0);
  throttle.settled(false, 0);
  expect(throttle.probability(0)).toBe(0.9);
});

test("after twenty rejections in a row at a cap of 0.9 the next call is let through, whatever chance says", () => {
  expect([0.9, 0.5, 0.99, 0.1].map(mostInARow)).toEqual([20, 4, 200, 3]);
  const throttle = new Throttle(rules, () => 0);
  throttle.settled(false, 0);
  const admitted = Array.from({ length: 63 }, () => throttle.admit(0, throttle.probability(0)));
  expect(admitted.flatMap((each, index) => (each ? [index] : []))).toEqual([20, 41, 62]);
});

test("what is older than the window is forgotten, and nothing is left of an outage after it", () => {
  const throttle = new Throttle(rules, () => 0);
  for (let index = 0; index < 100; index += 1) throttle.settled(false, 0);
  expect(throttle.probability(107_999)).toBe(0.9);
  expect(throttle.probability(120_000)).toBe(0);
  expect([throttle.requests, throttle.accepts]).toEqual([0, 0]);
});

test("another window keeps what still fits it", () => {
  const throttle = new Throttle(rules, () => 0);
  for (let index = 0; index < 30; index += 1) throttle.settled(false, 0);
  for (let index = 0; index < 20; index += 1) throttle.settled(index < 5, 110_000);
  throttle.change({ ...rules, windowMs: 60_000, k: 3 }, 111_000);
  expect(throttle.probability(111_000)).toBeCloseTo(5 / 21, 12);
  expect([throttle.requests, throttle.accepts]).toEqual([20, 5]);
  throttle.change({ ...rules, windowMs: 600_000 }, 111_000);
  expect(throttle.requests).toBe(20);
});

/** The same decisions worked out from a list of everything that happened. */
class Story {
  readonly #events: { readonly atMs: number; readonly accepted: boolean }[] = [];
  #inARow = 0;
  readonly #rules: ThrottleRules;
  constructor(rules: ThrottleRules) {
    this.#rules = rules;
  }

  tell(accepted: boolean, atMs: number): void {
    this.#events.push({ atMs, accepted });
  }

  admits(atMs: number, drawn: number): boolean {
    const { windowMs, k, maxRejection, minimumRequests } = this.#rules;
    const tenth = (ms: number): number => Math.floor(ms / (windowMs / 10));
    const recent = this.#events.filter((event) => tenth(atMs) - tenth(event.atMs) < 10);
    const accepts = recent.filter(({ accepted }) => accepted).length;
    const wanted = Math.max(0, (recent.length - k * accepts) / (recent.length + 1));
    const share = recent.length < minimumRequests ? 0 : Math.min(wanted, maxRejection);
    const lucky = drawn >= share || this.#inARow === Math.round(2 / (1 - maxRejection));
    this.#inARow = lucky ? 0 : this.#inARow + 1;
    if (!lucky) this.tell(false, atMs);
    return lucky;
  }
}

const small: ThrottleRules = { k: 2, windowMs: 100, maxRejection: 0.5, minimumRequests: 2 };

/** What can happen: a call with a lucky or an unlucky draw, an outcome, some time. */
const moves = ["lucky", "unlucky", "accepted", "failed", "short", "long"] as const;

function replay(sequence: readonly (typeof moves)[number][]): void {
  let drawn = 0;
  let nowMs = 0;
  const throttle = new Throttle(small, () => drawn);
  const story = new Story(small);
  for (const [index, move] of sequence.entries()) {
    if (move === "short" || move === "long") nowMs += move === "short" ? 30 : 75;
    else if (move === "accepted" || move === "failed") {
      throttle.settled(move === "accepted", nowMs);
      story.tell(move === "accepted", nowMs);
    } else {
      drawn = move === "lucky" ? 0.4 : 0.1;
      const admitted = throttle.admit(nowMs, throttle.probability(nowMs));
      if (admitted !== story.admits(nowMs, drawn)) expect.fail(sequence.slice(0, index + 1).join(" "));
    }
  }
}

test("every sequence of seven moves is decided as the story tells it", () => {
  const count = moves.length ** 7;
  for (let number = 0; number < count; number += 1) {
    const sequence: (typeof moves)[number][] = [];
    for (let rest = number, index = 0; index < 7; index += 1, rest = Math.floor(rest / moves.length)) {
      sequence.push(moves[rest % moves.length] ?? "lucky");
    }
    replay(sequence);
  }
});

test("long sequences are decided as the story tells them", () => {
  fc.assert(fc.property(fc.array(fc.constantFrom(...moves), { minLength: 100, maxLength: 400 }), replay), {
    numRuns: 200,
  });
});

/** A total outage of ten minutes at an even rate. @returns how long after it nobody is turned away any more. */
function recovery(maxRejection: number, perSecond: number): { afterMs: number; passedInOutage: number } {
  const throttle = new Throttle({ ...rules, maxRejection, minimumRequests: 10 }, seededRandom(7));
  const endsAtMs = 600_000;
  let passed = 0;
  for (let call = 0; ; call += 1) {
    const nowMs = (call * 1_000) / perSecond;
    const probability = throttle.probability(nowMs);
    if (nowMs >= endsAtMs + 2_400_000) return { afterMs: Number.POSITIVE_INFINITY, passedInOutage: passed };
    if (nowMs >= endsAtMs && probability === 0) {
      return { afterMs: nowMs - endsAtMs, passedInOutage: passed / (120 * perSecond) };
    }
    if (!throttle.admit(nowMs, probability)) continue;
    if (nowMs < endsAtMs && nowMs >= endsAtMs - 120_000) passed += 1;
    throttle.settled(nowMs >= endsAtMs, nowMs);
  }
}

test.each([100, 10, 1])(
  "after a total outage everybody is let through again within two windows, at %d calls a second",
  (perSecond) => {
    const { afterMs, passedInOutage } = recovery(0.9, perSecond);
    // A tenth by the cap, and some more by the bound on rejections in a row.
    expect(passedInOutage).toBeGreaterThan(0.08);
    expect(passedInOutage).toBeLessThan(0.15);
    // What is let through doubles the accepted share with each half window: (1 + ln 10) / 2 windows in theory.
    expect(afterMs).toBeGreaterThan(120_000 * 1.4);
    expect(afterMs).toBeLessThan(120_000 * 2);
  },
);

test("with a cap of 0.999 the same recovery takes more than twice as long", () => {
  expect(recovery(0.999, 10).afterMs).toBeGreaterThan(2 * recovery(0.9, 10).afterMs);
});
