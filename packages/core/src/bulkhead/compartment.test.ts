import { expect, test } from "vitest";
import { CoDel } from "./codel.ts";
import { Compartment, type Permit, type Waiter } from "./compartment.ts";
import { type Ticket, WaitQueue } from "./wait-queue.ts";

/** One slot, which is taken, and a queue; tells who was let in and who was dropped. */
function taken(codel?: CoDel): {
  compartment: Compartment;
  told: string[];
  come: (name: string, nowMs: number) => Ticket<Waiter> | undefined;
  /** Ends the call that runs. */
  end: (nowMs: number) => void;
} {
  const compartment = new Compartment({
    limit: 1,
    queue: new WaitQueue<Waiter>({ levels: 1, maxOvertakes: 1, maxKeys: 1 }),
    maxWaiting: 100,
    newestFirst: false,
    codel,
    newestFirstWhileDropping: false,
  });
  const told: string[] = [];
  let running: Permit | undefined = compartment.enter();
  return {
    compartment,
    told,
    come: (name, nowMs) =>
      compartment.wait(
        {
          expiresAtMs: Number.POSITIVE_INFINITY,
          granted(permit) {
            running = permit;
            told.push(name);
          },
          dropped: (why) => told.push(`${name} ${why}`),
        },
        nowMs,
      ),
    end(nowMs) {
      if (running !== undefined) compartment.release(running, nowMs);
    },
  };
}

test("a forecast ends with the busy period it was learnt in: by the last one's end", () => {
  const { compartment, come, end } = taken();
  for (const name of "abcdefg") come(name, 0);
  for (let turn = 1; turn <= 7; turn += 1) end(turn * 10);
  expect(compartment.forecastMs(70)).toBe(10);
  end(80);
  expect([compartment.inUse, compartment.forecastMs(80)]).toEqual([0, undefined]);
});

test("a forecast ends with the busy period it was learnt in: by everybody going away", () => {
  const { compartment, come, end } = taken();
  const tickets = [..."abcdefgh"].map((name) => come(name, 0));
  for (let turn = 1; turn <= 6; turn += 1) end(turn * 10);
  expect(compartment.forecastMs(60)).toBe(30);
  for (const ticket of tickets) if (ticket !== undefined) compartment.leave(ticket);
  expect([compartment.waiting, compartment.forecastMs(60)]).toEqual([0, undefined]);
});

test("controlled delay forgets a wait above the target when everybody has gone away since", () => {
  const { compartment, told, come, end } = taken(new CoDel({ targetMs: 5, intervalMs: 100 }));
  come("a", 0);
  const b = come("b", 0);
  end(50);
  if (b !== undefined) compartment.leave(b);
  come("c", 140);
  come("d", 140);
  end(160);
  expect(told).toEqual(["a", "c"]);
});

test("without that, the one that has waited since then is dropped", () => {
  const { told, come, end } = taken(new CoDel({ targetMs: 5, intervalMs: 100 }));
  for (const name of "abcd") come(name, 0);
  end(50);
  end(160);
  expect(told).toEqual(["a", "b overloaded", "c"]);
});

test("a lower limit lets in nobody until enough have ended, and nothing is given back twice", () => {
  const { compartment, told, come, end } = taken();
  compartment.resize(2, 100, 0);
  const second = compartment.enter();
  compartment.resize(1, 100, 0);
  come("a", 0);
  if (second !== undefined) {
    compartment.release(second, 10);
    compartment.release(second, 10);
  }
  expect([told, compartment.inUse]).toEqual([[], 1]);
  end(20);
  expect([told, compartment.inUse]).toEqual([["a"], 1]);
});

test("while others still wait, or were let in meanwhile, who goes away takes no forecast along", () => {
  const { compartment, come, end } = taken();
  const tickets = [..."abcdefg"].map((name) => come(name, 0));
  const leave = (index: number): boolean | undefined => {
    const ticket = tickets[index];
    return ticket && compartment.leave(ticket);
  };
  for (let turn = 1; turn <= 5; turn += 1) end(turn * 10);
  expect([leave(6), compartment.waiting, compartment.forecastMs(50)]).toEqual([true, 1, 20]);
  end(60);
  expect([leave(6), leave(5), compartment.waiting, compartment.forecastMs(60)]).toEqual([
    false,
    false,
    0,
    10,
  ]);
});

test("a forecast ends with the busy period it was learnt in: by a limit that lets everybody in", () => {
  const { compartment, come } = taken();
  for (const name of "abcdef") come(name, 0);
  compartment.resize(9, 100, 10);
  expect([compartment.waiting, compartment.inUse, compartment.forecastMs(10)]).toEqual([0, 7, undefined]);
});

test("a forecast ends with the busy period it was learnt in: by an end above a lower limit", () => {
  const { compartment, come, end } = taken();
  for (const name of "abcdef") come(name, 0);
  compartment.resize(3, 100, 0);
  for (let turn = 1; turn <= 4; turn += 1) end(turn * 10);
  expect([compartment.waiting, compartment.inUse]).toEqual([0, 3]);
  compartment.resize(1, 100, 40);
  expect(compartment.forecastMs(40)).toBeDefined();
  end(50);
  expect([compartment.inUse, compartment.forecastMs(50)]).toEqual([2, undefined]);
});

test("without a queue nobody waits, leaves or is let in", () => {
  const compartment = new Compartment({
    limit: 1,
    queue: undefined,
    maxWaiting: 1,
    newestFirst: false,
    codel: new CoDel({ targetMs: 5, intervalMs: 100 }),
    newestFirstWhileDropping: false,
  });
  const permit = compartment.enter();
  const waiter: Waiter = { expiresAtMs: 1, granted() {}, dropped() {} };
  const elsewhere = taken().come("a", 0);
  expect([compartment.enter(), compartment.wait(waiter, 0)]).toEqual([undefined, undefined]);
  expect(elsewhere && compartment.leave(elsewhere)).toBe(false);
  compartment.resize(2, 1, 0);
  if (permit !== undefined) compartment.release(permit, 0);
  expect([compartment.inUse, compartment.waiting, compartment.oldest]).toEqual([0, 0, undefined]);
});

test("who is answered twice, or after the end, is counted once or not at all", () => {
  const compartment = new Compartment({
    limit: 1,
    queue: undefined,
    maxWaiting: 0,
    newestFirst: false,
    codel: undefined,
    newestFirstWhileDropping: false,
  });
  const permit = compartment.enter();
  if (permit === undefined) expect.fail("no permit");
  compartment.outlive(permit);
  compartment.outlive(permit);
  expect(compartment.outliving).toBe(1);
  compartment.release(permit, 0);
  compartment.outlive(permit);
  expect(compartment.outliving).toBe(0);
  const quick = compartment.enter();
  if (quick === undefined) expect.fail("no permit");
  compartment.release(quick, 0);
  compartment.outlive(quick);
  expect(compartment.outliving).toBe(0);
});

test("controlled delay drops nobody while everybody is let in soon, whatever the time is", () => {
  const { told, come, end } = taken(new CoDel({ targetMs: 5, intervalMs: 100 }));
  for (const name of "abc") come(name, 1_000);
  for (let nowMs = 1_001; nowMs <= 1_300; nowMs += 1) {
    end(nowMs);
    come("next", nowMs);
  }
  expect(told.slice(0, 4)).toEqual(["a", "b", "c", "next"]);
  expect(told).toHaveLength(300);
  expect(told.filter((each) => each.includes("overloaded"))).toEqual([]);
});

test("controlled delay does not drop the last one, however long it has waited", () => {
  const { told, come, end } = taken(new CoDel({ targetMs: 5, intervalMs: 100 }));
  for (const name of "ab") come(name, 0);
  end(50);
  end(200);
  expect(told).toEqual(["a", "b"]);
});

test("the newest is served first while controlled delay drops, so without controlled delay never", () => {
  const compartment = new Compartment({
    limit: 1,
    queue: new WaitQueue<Waiter>({ levels: 1, maxOvertakes: 1, maxKeys: 1 }),
    maxWaiting: 2,
    newestFirst: false,
    codel: undefined,
    newestFirstWhileDropping: true,
  });
  const told: string[] = [];
  const permit = compartment.enter();
  for (const name of "ab") {
    const granted = (): void => void told.push(name);
    compartment.wait({ expiresAtMs: Number.POSITIVE_INFINITY, granted, dropped() {} }, 0);
  }
  if (permit !== undefined) compartment.release(permit, 0);
  expect(told).toEqual(["a"]);
});
