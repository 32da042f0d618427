import fc from "fast-check";
import { expect, test } from "vitest";
import {
  arrive,
  emptyBulkhead,
  finish,
  goAway,
  type ReferenceBulkhead,
  type ReferenceBulkheadRules,
  resize,
} from "../../test/reference-bulkhead.ts";
import { CoDel } from "./codel.ts";
import { Compartment, type Permit, type Waiter } from "./compartment.ts";
import { type Ticket, WaitQueue } from "./wait-queue.ts";

/** What can happen to a bulkhead. Who ends or goes away is the oldest or the newest one that runs or waits. */
const steps = [
  "arrive",
  "arriveImportant",
  "oldestEnds",
  "newestEnds",
  "oldestGoesAway",
  "newestGoesAway",
  "raise",
  "lower",
  "pass",
] as const;
type Step = (typeof steps)[number];

const startLimit = 1;
const mostLimit = 2;
const expiresAfterMs = 10;
/** Half of it, so that somebody's turn comes exactly when its time is up. */
const passMs = 5;

interface Run {
  readonly difference: string | undefined;
  readonly reference: ReferenceBulkhead;
}

/** Takes the same steps with the real one and with the reference, and compares them after each. */
function run(rules: ReferenceBulkheadRules, sequence: readonly Step[]): Run {
  const compartment = new Compartment({
    limit: startLimit,
    queue: new WaitQueue<Waiter>({ levels: 2, maxOvertakes: rules.maxOvertakes, maxKeys: 1 }),
    maxWaiting: rules.maxWaiting,
    newestFirst: rules.newestFirst,
    codel: undefined,
    newestFirstWhileDropping: false,
  });
  let reference = emptyBulkhead(startLimit);
  const told: string[] = [];
  const permits = new Map<number, Permit>();
  const tickets = new Map<number, Ticket<Waiter>>();
  let nowMs = 0;
  let id = 0;

  const come = (level: number): void => {
    id += 1;
    const mine = id;
    const runs = (permit: Permit): void => {
      permits.set(mine, permit);
      told.push(`${mine} runs`);
    };
    const permit = compartment.enter();
    if (permit !== undefined) runs(permit);
    else {
      const ticket = compartment.wait(
        { expiresAtMs: nowMs + expiresAfterMs, granted: runs, dropped: (why) => told.push(`${mine} ${why}`) },
        nowMs,
        level,
      );
      if (ticket === undefined) told.push(`${mine} full`);
      else tickets.set(mine, ticket);
    }
    reference = arrive(reference, { id: mine, level, atMs: nowMs }, rules);
  };
  const end = (which: number | undefined): string | undefined => {
    const permit = permits.get(which ?? 0);
    if (which === undefined || permit === undefined) return which === undefined ? undefined : "no permit";
    compartment.outlive(permit);
    compartment.outlive(permit);
    const outliving = [compartment.outliving];
    compartment.release(permit, nowMs);
    reference = finish(reference, which, nowMs, rules);
    // Twice on purpose: giving back again must do nothing.
    compartment.release(permit, nowMs);
    outliving.push(compartment.outliving);
    return outliving.join() === "1,0" ? undefined : `outliving ${outliving.join(", then ")}`;
  };
  const leave = (which: number | undefined): string | undefined => {
    const ticket = tickets.get(which ?? 0);
    if (which === undefined || ticket === undefined) return which === undefined ? undefined : "no ticket";
    const left = compartment.leave(ticket);
    reference = goAway(reference, which);
    return left && !compartment.leave(ticket) ? undefined : "did not leave once";
  };
  const limitTo = (limit: number): void => {
    compartment.resize(limit, rules.maxWaiting, nowMs);
    reference = resize(reference, limit, nowMs, rules);
  };
  const take: Record<Step, () => string | undefined> = {
    arrive: () => void come(0),
    arriveImportant: () => void come(1),
    oldestEnds: () => end(reference.running[0]),
    newestEnds: () => end(reference.running.at(-1)),
    oldestGoesAway: () => leave(reference.waiting[0]?.id),
    newestGoesAway: () => leave(reference.waiting.at(-1)?.id),
    raise: () => void limitTo(mostLimit),
    lower: () => void limitTo(startLimit),
    pass: () => {
      nowMs += passMs;
      return undefined;
    },
  };

  for (const [index, step] of sequence.entries()) {
    const problem = take[step]() ?? compare(compartment, reference, told);
    if (problem !== undefined) {
      return { difference: `${sequence.slice(0, index + 1).join(", ")}: ${problem}`, reference };
    }
  }
  return { difference: undefined, reference };
}

function compare(
  compartment: Compartment,
  reference: ReferenceBulkhead,
  told: readonly string[],
): string | undefined {
  const { inUse, waiting, limit } = compartment;
  if (told.join() !== reference.told.join()) return `${told.join()}; not ${reference.told.join()}`;
  if (inUse !== reference.running.length) return `${inUse} in use, not ${reference.running.length}`;
  if (waiting !== reference.waiting.length) return `${waiting} wait, not ${reference.waiting.length}`;
  if (limit !== reference.limit) return `limit ${limit}, not ${reference.limit}`;
  return waiting > 0 && inUse < limit ? "somebody waits although a slot is free" : undefined;
}

/** Steps that do something, and that do not the same as another one here. */
function choices({ reference: { running, waiting, limit } }: Run, last: Step | undefined): readonly Step[] {
  return steps.filter((step) => {
    if (step === "oldestEnds") return running.length > 0;
    if (step === "newestEnds") return running.length > 1;
    if (step === "oldestGoesAway") return waiting.length > 0;
    if (step === "newestGoesAway") return waiting.length > 1;
    if (step === "raise") return limit === startLimit;
    if (step === "lower") return limit === mostLimit && last !== "raise";
    if (step === "pass") return waiting.length > 0;
    // Whom a free slot awaits is let in whatever the level.
    return step === "arrive" || running.length >= limit;
  });
}

function explore(rules: ReferenceBulkheadRules, depth: number): number {
  let visited = 0;
  const visit = (sequence: readonly Step[]): void => {
    const here = run(rules, sequence);
    if (here.difference !== undefined) expect.fail(here.difference);
    visited += 1;
    if (sequence.length === depth) return;
    for (const step of choices(here, sequence.at(-1))) visit([...sequence, step]);
  };
  visit([]);
  return visited;
}

const orders: readonly [string, ReferenceBulkheadRules][] = [
  ["the oldest first", { maxWaiting: 2, expiresAfterMs, newestFirst: false, maxOvertakes: 1 }],
  ["the newest first", { maxWaiting: 2, expiresAfterMs, newestFirst: true, maxOvertakes: 2 }],
];

test.each(orders)(
  "every sequence of eight events leads where the reference leads, %s",
  (_, rules) => {
    expect(explore(rules, 8)).toBeGreaterThan(90_000);
  },
  120_000,
);

test("ten thousand random events lead where the reference leads", () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 6 }),
      fc.integer({ min: 1, max: 4 }),
      fc.boolean(),
      fc.array(fc.constantFrom(...steps), { minLength: 500, maxLength: 500, size: "max" }),
      (maxWaiting, maxOvertakes, newestFirst, sequence) => {
        const rules = { maxWaiting, maxOvertakes, newestFirst, expiresAfterMs };
        expect(run(rules, sequence).difference).toBeUndefined();
      },
    ),
    { numRuns: 20 },
  );
});

test("ten thousand steps with every order, key and level: permits in are permits out, and everybody is told once", () => {
  const step = fc.record({
    kind: fc.constantFrom("come", "come", "come", "end", "end", "leave", "resize", "pass"),
    which: fc.nat(50),
    key: fc.constantFrom("a", "b", "c", "d"),
    level: fc.integer({ min: 0, max: 2 }),
  });
  fc.assert(
    fc.property(
      fc.constantFrom("fifo", "lifo", "codel"),
      fc.boolean(),
      fc.array(step, { minLength: 2_000, maxLength: 2_000, size: "max" }),
      (order, newestFirstWhileDropping, sequence) => {
        const compartment = new Compartment({
          limit: 3,
          queue: new WaitQueue<Waiter>({ levels: 3, maxOvertakes: 2, maxKeys: 2 }),
          maxWaiting: 8,
          newestFirst: order === "lifo",
          codel: order === "codel" ? new CoDel({ targetMs: 2, intervalMs: 10 }) : undefined,
          newestFirstWhileDropping,
        });
        let nowMs = 0;
        let came = 0;
        const running: Permit[] = [];
        const waiting: { ticket: Ticket<Waiter> | undefined; ends: number }[] = [];
        const ends = { ran: 0, full: 0, dropped: 0, left: 0 };
        for (const { kind, which, key, level } of sequence) {
          if (kind === "pass") nowMs += which;
          else if (kind === "resize") compartment.resize(1 + (which % 4), 1 + (which % 8), nowMs);
          else if (kind === "come") {
            came += 1;
            const permit = compartment.enter();
            const one: (typeof waiting)[number] = { ticket: undefined, ends: 0 };
            if (permit !== undefined) running.push(permit);
            else {
              one.ticket = compartment.wait(
                {
                  expiresAtMs: nowMs + 60,
                  granted: (granted) => {
                    one.ends += 1;
                    running.push(granted);
                  },
                  dropped: () => {
                    one.ends += 1;
                    ends.dropped += 1;
                  },
                },
                nowMs,
                level,
                key,
              );
              if (one.ticket === undefined) ends.full += 1;
              else waiting.push(one);
            }
          } else if (kind === "end") {
            const [permit] = running.splice(which % Math.max(1, running.length), 1);
            if (permit === undefined) continue;
            ends.ran += 1;
            compartment.release(permit, nowMs);
            compartment.release(permit, nowMs);
          } else {
            const one = waiting[which % Math.max(1, waiting.length)];
            if (one?.ticket !== undefined && compartment.leave(one.ticket)) {
              one.ends += 1;
              ends.left += 1;
            }
          }
          for (const each of waiting.splice(0)) {
            expect(each.ends).toBeLessThanOrEqual(1);
            if (each.ends === 0) waiting.push(each);
          }
          expect([compartment.inUse, compartment.waiting]).toEqual([running.length, waiting.length]);
          if (compartment.waiting > 0) expect(compartment.inUse).toBeGreaterThanOrEqual(compartment.limit);
        }
        const { ran, full, dropped, left } = ends;
        expect(ran + full + dropped + left + running.length + waiting.length).toBe(came);
      },
    ),
    { numRuns: 5 },
  );
});
