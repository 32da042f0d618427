import fc from "fast-check";
import { expect, test } from "vitest";
import { CoDel } from "./codel.ts";

const targetMs = 5;
const intervalMs = 100;

/** RFC 8289 section 5 as it stands there, on a queue of arrival times. What {@link CoDel} should do, told by the book. */
class ByTheBook {
  readonly queue: number[] = [];
  readonly dropped: number[] = [];
  firstAboveTime = 0;
  dropNext = 0;
  count = 0;
  lastCount = 0;
  dropping = false;

  dodequeue(now: number): { packet: number | undefined; okToDrop: boolean } {
    const packet = this.queue.shift();
    let okToDrop = false;
    if (packet === undefined) this.firstAboveTime = 0;
    else if (now - packet < targetMs || this.queue.length === 0) this.firstAboveTime = 0;
    else if (this.firstAboveTime === 0) this.firstAboveTime = now + intervalMs;
    else if (now >= this.firstAboveTime) okToDrop = true;
    return { packet, okToDrop };
  }

  controlLaw(t: number): number {
    return t + intervalMs / Math.sqrt(this.count);
  }

  dequeue(now: number): number | undefined {
    let r = this.dodequeue(now);
    if (r.packet === undefined) {
      this.dropping = false;
      return undefined;
    }
    if (this.dropping) {
      if (!r.okToDrop) this.dropping = false;
      while (now >= this.dropNext && this.dropping) {
        this.dropped.push(r.packet as number);
        this.count += 1;
        r = this.dodequeue(now);
        if (!r.okToDrop) this.dropping = false;
        else this.dropNext = this.controlLaw(this.dropNext);
      }
    } else if (r.okToDrop) {
      this.dropped.push(r.packet);
      r = this.dodequeue(now);
      this.dropping = true;
      const delta = this.count - this.lastCount;
      this.count = 1;
      if (delta > 1 && now - this.dropNext < 16 * intervalMs) this.count = delta;
      this.dropNext = this.controlLaw(now);
      this.lastCount = this.count;
    }
    return r.packet;
  }
}

class Ours {
  readonly queue: number[] = [];
  readonly dropped: number[] = [];
  readonly codel = new CoDel({ targetMs, intervalMs });

  dequeue(now: number): number | undefined {
    for (let head = this.queue[0]; head !== undefined; head = this.queue[0]) {
      if (!this.codel.drops(now - head, this.queue.length - 1, now)) return this.queue.shift();
      this.dropped.push(head);
      this.queue.shift();
    }
    this.codel.empty();
    return undefined;
  }
}

test("it drops whom the RFC's pseudocode drops, on any traffic", () => {
  const burst = fc.record({
    arrivals: fc.integer({ min: 0, max: 30 }),
    everyMs: fc.integer({ min: 1, max: 12 }),
    servedEveryMs: fc.integer({ min: 1, max: 12 }),
    forMs: fc.integer({ min: 1, max: 600 }),
  });
  let drops = 0;
  fc.assert(
    fc.property(fc.array(burst, { minLength: 1, maxLength: 12 }), (bursts) => {
      const book = new ByTheBook();
      const ours = new Ours();
      let now = 1;
      for (const { arrivals, everyMs, servedEveryMs, forMs } of bursts) {
        for (let index = 0; index < arrivals; index += 1) {
          book.queue.push(now);
          ours.queue.push(now);
        }
        for (let ms = 1; ms <= forMs; ms += 1) {
          now += 1;
          if (ms % everyMs === 0) {
            book.queue.push(now);
            ours.queue.push(now);
          }
          if (ms % servedEveryMs === 0) expect(ours.dequeue(now)).toBe(book.dequeue(now));
        }
      }
      expect(ours.dropped).toEqual(book.dropped);
      drops += book.dropped.length;
    }),
    { numRuns: 300 },
  );
  expect(drops).toBeGreaterThan(500);
});

test("a burst that drains within the interval loses nobody, a standing queue does, ever more often", () => {
  const codel = new CoDel({ targetMs, intervalMs });
  const drops: number[] = [];
  for (let nowMs = 0; nowMs <= 99; nowMs += 1) if (codel.drops(50, 9, nowMs)) drops.push(nowMs);
  expect([drops, codel.dropping]).toEqual([[], false]);
  for (let nowMs = 100; nowMs <= 400; nowMs += 1) {
    while (codel.drops(50, 9, nowMs)) drops.push(nowMs);
  }
  // 100, + 100 / sqrt 1, + 100 / sqrt 2, + 100 / sqrt 3, each at the next whole millisecond.
  expect(drops).toEqual([100, 200, 271, 329, 379]);
  expect(codel.dropping).toBe(true);
  expect(codel.drops(4.9, 9, 401)).toBe(false);
  expect(codel.dropping).toBe(false);
});

test("nobody is dropped behind whom nobody waits", () => {
  const codel = new CoDel({ targetMs, intervalMs });
  for (let nowMs = 0; nowMs <= 1_000; nowMs += 10) expect(codel.drops(500, 0, nowMs)).toBe(false);
});

test("it is not dropping before the first wait, and not once nobody waits", () => {
  const codel = new CoDel({ targetMs, intervalMs });
  expect(codel.dropping).toBe(false);
  for (let nowMs = 0; nowMs <= 100; nowMs += 10) codel.drops(50, 9, nowMs);
  expect(codel.dropping).toBe(true);
  codel.empty();
  expect(codel.dropping).toBe(false);
  expect(codel.drops(50, 9, 200)).toBe(false);
});

test.each([
  ["within sixteen intervals goes on where it stopped", 1, 0.01],
  ["after sixteen intervals begins anew", 1, 0],
  ["long after begins anew", 100, 0],
])("a return to dropping %s", (_, times, lessMs) => {
  const codel = new CoDel({ targetMs, intervalMs });
  const dropsUntil = (untilMs: number, fromMs: number): number[] => {
    const drops: number[] = [];
    for (let nowMs = fromMs; nowMs <= untilMs; nowMs += 1)
      while (codel.drops(50, 9, nowMs)) drops.push(nowMs);
    return drops;
  };
  expect(dropsUntil(379, 0)).toHaveLength(5);
  // The sixth was due then.
  const dueAtMs = 100 + 100 * (1 + 1 / Math.sqrt(2) + 1 / Math.sqrt(3) + 1 / Math.sqrt(4) + 1 / Math.sqrt(5));
  codel.drops(50, 9, 380);
  codel.drops(0, 9, 381);
  const backAtMs = dueAtMs + times * 16 * intervalMs - lessMs;
  codel.drops(50, 9, backAtMs - intervalMs - 1);
  const [first, second] = dropsUntil(backAtMs + 2 * intervalMs, backAtMs);
  expect(first).toBe(backAtMs);
  expect(second).toBe(backAtMs + (lessMs > 0 ? intervalMs / 2 : intervalMs));
});
