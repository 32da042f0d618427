import fc from "fast-check";
import { expect, test } from "vitest";
import { Gcra, type Rate, type Taken } from "./gcra.ts";
import { RateLine, type RateTicket } from "./rate-line.ts";

/** A bucket of tokens that is filled whenever somebody looks. What {@link Gcra} should be, written the other way. */
class TokenBucket {
  readonly #rate: Rate;
  #tokens: number;
  #atMs = 0;

  constructor(rate: Rate) {
    this.#rate = rate;
    this.#tokens = rate.burst;
  }

  tokens(nowMs: number): number {
    const { permits, perMs, burst } = this.#rate;
    this.#tokens = Math.min(burst, this.#tokens + ((nowMs - this.#atMs) * permits) / perMs);
    this.#atMs = nowMs;
    return this.#tokens;
  }

  take(cost: number, nowMs: number): boolean {
    if (this.tokens(nowMs) < cost - 1e-6) return false;
    this.#tokens -= cost;
    return true;
  }
}

const anyRate: fc.Arbitrary<Rate> = fc.record({
  permits: fc.integer({ min: 1, max: 7 }),
  perMs: fc.constantFrom(1, 10, 33, 1_000),
  burst: fc.integer({ min: 1, max: 9 }),
});

test("the rate lets through what a token bucket lets through, call by call", () => {
  fc.assert(
    fc.property(
      anyRate,
      fc.array(fc.record({ waitMs: fc.integer({ min: 0, max: 40 }), cost: fc.integer({ min: 0, max: 9 }) }), {
        minLength: 10,
        maxLength: 400,
      }),
      (rate, calls) => {
        const gcra = new Gcra(rate);
        const bucket = new TokenBucket(rate);
        let nowMs = 0;
        for (const { waitMs, cost } of calls) {
          nowMs += waitMs;
          expect(gcra.available(nowMs)).toBeCloseTo(bucket.tokens(nowMs), 6);
          const let_ = gcra.isReady(cost, nowMs);
          expect(let_).toBe(cost <= rate.burst && bucket.take(cost, nowMs));
          if (let_) gcra.take(cost, nowMs);
        }
      },
    ),
    { numRuns: 300 },
  );
});

test("in any span of time no more is sent than the burst and what the rate gives, also when permits come back", () => {
  const step = fc.oneof(
    fc.record({ kind: fc.constant("wait" as const), ms: fc.integer({ min: 0, max: 60 }) }),
    fc.record({ kind: fc.constant("take" as const), cost: fc.integer({ min: 1, max: 4 }) }),
    fc.record({ kind: fc.constant("refund" as const), which: fc.nat(20) }),
    fc.record({ kind: fc.constant("send" as const), which: fc.nat(20) }),
    fc.record({ kind: fc.constant("pause" as const), ms: fc.integer({ min: 1, max: 50 }) }),
  );
  fc.assert(
    fc.property(anyRate, fc.array(step, { minLength: 20, maxLength: 300 }), (rate, steps) => {
      const gcra = new Gcra(rate);
      let nowMs = 0;
      const taken: Taken[] = [];
      /** A permit is sent at the moment it was taken, unless it comes back. */
      const sent: { atMs: number; cost: number }[] = [];
      for (const each of steps) {
        if (each.kind === "wait") nowMs += each.ms;
        else if (each.kind === "take") {
          if (gcra.isReady(each.cost, nowMs)) taken.push(gcra.take(each.cost, nowMs));
        } else if (each.kind === "pause") gcra.pause(nowMs + each.ms, nowMs);
        else {
          const [one] = taken.splice(each.which % Math.max(1, taken.length), 1);
          if (one === undefined) continue;
          if (each.kind === "refund") gcra.refund(one, nowMs);
          else sent.push({ atMs: one.atMs, cost: one.cost });
        }
        expect(gcra.available(nowMs)).toBeLessThanOrEqual(rate.burst);
      }
      for (const { atMs, cost } of taken) sent.push({ atMs, cost });
      sent.sort((a, b) => a.atMs - b.atMs);
      for (let from = 0; from < sent.length; from += 1) {
        let sum = 0;
        for (let to = from; to < sent.length; to += 1) {
          sum += sent[to]?.cost ?? 0;
          const spanMs = (sent[to]?.atMs ?? 0) - (sent[from]?.atMs ?? 0);
          expect(sum).toBeLessThanOrEqual(rate.burst + (spanMs * rate.permits) / rate.perMs + 1e-3);
        }
      }
    }),
    { numRuns: 500 },
  );
});

test("a permit that comes back at once is whole, and nothing comes back that the bucket would have spilled", () => {
  const gcra = new Gcra({ permits: 1, perMs: 100, burst: 2 });
  const first = gcra.take(1, 0);
  expect(gcra.refund(first, 0)).toBe(1);
  const second = gcra.take(1, 0);
  expect(gcra.refund(second, 75)).toBeCloseTo(0.25);
  const third = gcra.take(1, 200);
  gcra.take(1, 300);
  gcra.take(1, 300);
  expect(gcra.refund(third, 300)).toBe(0);
});

test("what was taken before a pause, or at another rate, does not come back", () => {
  const gcra = new Gcra({ permits: 1, perMs: 100, burst: 3 });
  const before = gcra.take(2, 0);
  gcra.pause(400, 10);
  expect(gcra.refund(before, 20)).toBe(0);
  expect(gcra.available(400)).toBe(1);
  const slow = gcra.take(1, 400);
  gcra.change({ permits: 10, perMs: 100, burst: 3 }, 410);
  expect(gcra.refund(slow, 420)).toBe(0);
});

/** The line told as a list of who waits, worked out anew at each step from a token bucket and the whole history. */
interface Waiting {
  readonly id: number;
  readonly cost: number;
  readonly atMs: number;
}

type LineStep = "one" | "two" | "abortOldest" | "abortNewest" | "short" | "long";
const lineSteps: readonly LineStep[] = ["one", "two", "abortOldest", "abortNewest", "short", "long"];
const tinyRate: Rate = { permits: 1, perMs: 10, burst: 2 };
const maxWaiting = 2;

function runLine(steps: readonly LineStep[]): string {
  const line = new RateLine(tinyRate, maxWaiting);
  const bucket = new TokenBucket(tinyRate);
  const real: string[] = [];
  const expected: string[] = [];
  const tickets = new Map<number, RateTicket>();
  let waiting: Waiting[] = [];
  let nowMs = 0;
  let id = 0;
  /** Time of the reference passes in steps of a millisecond, in which it looks at its list. */
  const serve = (): void => {
    for (let head = waiting[0]; head !== undefined && bucket.take(head.cost, nowMs); head = waiting[0]) {
      waiting.shift();
      expected.push(`${head.id} at ${nowMs}`);
    }
  };
  for (const step of steps) {
    if (step === "one" || step === "two") {
      const cost = step === "one" ? 1 : 2;
      id += 1;
      const mine = id;
      const taken = line.take(cost, nowMs);
      if (taken !== undefined) real.push(`${mine} at ${nowMs}`);
      else if (line.isFull) real.push(`${mine} full`);
      else {
        const ticket = line.wait({
          cost,
          sinceMs: nowMs,
          latestAtMs: Number.POSITIVE_INFINITY,
          deadlineAtMs: Number.POSITIVE_INFINITY,
          granted: (_, atMs) => real.push(`${mine} at ${atMs}`),
          dropped: () => real.push(`${mine} dropped`),
        });
        tickets.set(mine, ticket);
      }
      if (waiting.length === 0 && bucket.take(cost, nowMs)) expected.push(`${mine} at ${nowMs}`);
      else if (waiting.length >= maxWaiting) expected.push(`${mine} full`);
      else waiting.push({ id: mine, cost, atMs: nowMs });
    } else if (step === "abortOldest" || step === "abortNewest") {
      const gone = step === "abortOldest" ? waiting[0] : waiting.at(-1);
      const ticket = gone === undefined ? undefined : tickets.get(gone.id);
      if (ticket !== undefined && (!line.leave(ticket) || line.leave(ticket))) return "left twice or never";
      line.advance(nowMs);
      waiting = waiting.filter((each) => each !== gone);
      serve();
    } else {
      for (let ms = step === "short" ? 5 : 10; ms > 0; ms -= 1) {
        nowMs += 1;
        if ((line.nextAtMs ?? Number.POSITIVE_INFINITY) <= nowMs + 1e-6) line.advance(nowMs);
        serve();
      }
    }
    if (line.waiting !== waiting.length) return `${steps}: ${line.waiting} wait, not ${waiting.length}`;
  }
  return real.join() === expected.join() ? "" : `${steps}: ${real.join()}; not ${expected.join()}`;
}

test("every sequence of eight arrivals, aborts and waits ends as with the reference", () => {
  let visited = 0;
  const explore = (steps: readonly LineStep[]): void => {
    visited += 1;
    if (steps.length === 8) {
      const difference = runLine(steps);
      if (difference !== "") expect.fail(difference);
      return;
    }
    for (const step of lineSteps) explore([...steps, step]);
  };
  explore([]);
  expect(visited).toBe((6 ** 9 - 1) / 5);
}, 120_000);

test("random sequences of ten thousand steps end as with the reference", () => {
  fc.assert(
    fc.property(
      fc.array(fc.constantFrom(...lineSteps), { minLength: 10_000, maxLength: 10_000 }),
      (steps) => {
        expect(runLine(steps)).toBe("");
      },
    ),
    { numRuns: 3 },
  );
});
