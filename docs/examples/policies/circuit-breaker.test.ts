import { readFileSync } from "node:fs";
import {
  breakerTable,
  type Call,
  type CircuitBreaker,
  circuitBreaker,
  execute,
  Failure,
} from "@outrigger/core";
import { answers, fails, hangs, recordEvents, scripted, VirtualClock } from "@outrigger/lab";
import { expect, test } from "vitest";
import * as page from "./circuit-breaker.ts";

const down = new Failure("503", { code: "UNAVAILABLE", effect: "none" });
const order = { id: "order-1" };

function broken(clock: VirtualClock, onEvent = recordEvents().listen): CircuitBreaker {
  return circuitBreaker({ name: "toss", minimumCalls: 2, clock, onEvent });
}

async function failTimes(breaker: CircuitBreaker, times: number, clock: VirtualClock): Promise<void> {
  const call = breaker(scripted([fails(down)]));
  for (let time = 0; time < times; time += 1) await execute(call, order, { clock }).catch(() => {});
}

test("the usage: closed it lets everything through, and opens at half of 20 calls", async () => {
  const clock = new VirtualClock();
  const events = recordEvents();
  const provider = scripted<string>([answers("paid"), ...Array(9).fill(answers("paid")), fails(down)]);
  const { breaker, charge, paid } = await page.usage(provider, events.listen, clock);
  expect(paid).toBe("paid");
  for (let call = 0; call < 9; call += 1) await execute(charge, order, { clock });
  expect(breaker.snapshot()).toMatchObject({ state: "closed", calls: 10 });

  // Each call makes up to three attempts, and the breaker sees each of them.
  const calls = Array.from({ length: 4 }, () =>
    execute(charge, order, { clock, key: "k", idempotent: true }).catch((error: unknown) => error),
  );
  await clock.advance(5_000);
  await Promise.all(calls);
  expect(provider.attempts).toHaveLength(20);
  expect(breaker.snapshot().state).toBe("open");
  expect(events.of("breakerOpened")).toMatchObject([
    { name: "toss", reason: "10 of 20 calls failed in 10 s; at least 10 needed", openForMs: 30_000 },
  ]);

  const error = await execute(charge, order, { clock }).catch((caught: Failure) => caught);
  const left = breaker.snapshot().retryAfterMs;
  expect(error).toMatchObject({ code: "BREAKER_OPEN", effect: "none", kind: "rejected", retryAfterMs: left });
  expect((error as Failure).message).toMatch(
    /^the circuit breaker of toss is open: 10 of 20 calls failed in 10 s; at least 10 needed; try again in /,
  );
  expect(provider.attempts).toHaveLength(20);
  expect(clock.pending).toBe(0);
});

test("the way back: probes, closed; and a call beyond the probes is told when to come back", async () => {
  const clock = new VirtualClock();
  const events = recordEvents();
  const breaker = broken(clock, events.listen);
  await failTimes(breaker, 2, clock);
  await clock.advance(30_000);
  const probe = breaker(scripted([answers("ok", { after: "1s" })]));
  const probes = Array.from({ length: 5 }, () => execute(probe, order, { clock }));
  await expect(execute(probe, order, { clock })).rejects.toMatchObject({
    code: "BREAKER_OPEN",
    retryAfterMs: 30_000,
    message:
      "the circuit breaker of toss is half-open and has all its probes: 30 s have passed since it opened; try again in 30 s",
  });
  await clock.advance(1_000);
  await Promise.all(probes);
  expect(events.types).toEqual(["breakerOpened", "breakerHalfOpened", "callRejected", "breakerClosed"]);
  expect(events.of("breakerClosed")).toMatchObject([{ reason: "5 of 5 probes succeeded" }]);
});

test("three of five probes that fail open it again", async () => {
  const clock = new VirtualClock();
  const breaker = broken(clock);
  await failTimes(breaker, 2, clock);
  await clock.advance(30_000);
  await failTimes(breaker, 3, clock);
  expect(breaker.snapshot()).toMatchObject({
    state: "open",
    reason: "3 of 5 probes failed; at least 3 needed",
  });
});

test("probes that hang give their places to others after maxHalfOpen", async () => {
  const clock = new VirtualClock();
  const breaker = broken(clock);
  await failTimes(breaker, 2, clock);
  await clock.advance(30_000);
  const hung = breaker(scripted([hangs({ deaf: true })]));
  for (let probe = 0; probe < 5; probe += 1) execute(hung, order, { clock }).catch(() => {});
  await clock.advance(30_000);
  const good = breaker(scripted([answers("ok")]));
  for (let probe = 0; probe < 5; probe += 1) expect(await execute(good, order, { clock })).toBe("ok");
  expect(breaker.snapshot().state).toBe("closed");
});

test("an answer from before the opening, a final no, an abort and a rejection of ours open nothing", async () => {
  const clock = new VirtualClock();
  const breaker = broken(clock);
  const late = execute(breaker(scripted([answers("late", { after: "40s" })])), order, { clock });
  await failTimes(breaker, 2, clock);
  await clock.advance(40_000);
  expect(await late).toBe("late");
  expect(breaker.snapshot()).toMatchObject({ state: "halfOpen", calls: 0, stale: 1 });

  const other = broken(clock);
  for (const kind of ["refused", "aborted", "rejected"] as const) {
    const no = other(scripted([fails(new Failure("no", { code: "NO", effect: "none", kind }))]));
    for (let call = 0; call < 5; call += 1) await execute(no, order, { clock }).catch(() => {});
  }
  expect(other.snapshot()).toMatchObject({ state: "closed", failures: 0, calls: 5 });
});

test("the failure that opens it may ask for a longer open time, up to five minutes", async () => {
  const clock = new VirtualClock();
  for (const [retryAfterMs, openForMs] of [
    [60_000, 60_000],
    [3_600_000, 300_000],
  ] as const) {
    const breaker = broken(clock);
    const busy = new Failure("503", { code: "UNAVAILABLE", effect: "none", retryAfterMs });
    const call = breaker(scripted([fails(busy)]));
    for (let time = 0; time < 2; time += 1) await execute(call, order, { clock }).catch(() => {});
    expect(breaker.snapshot().retryAfterMs).toBe(openForMs);
  }
});

test("any of the trip rules opens it, the open time grows, and closing ramps up", async () => {
  const clock = new VirtualClock();
  const events = recordEvents();
  const breaker = circuitBreaker({ ...page.rules(), clock, onEvent: events.listen, random: () => 0 });
  await failTimes(breaker, 5, clock);
  await clock.advance(5_000);
  await failTimes(breaker, 5, clock);
  expect(events.of("breakerOpened").map(({ openForMs }) => openForMs)).toEqual([5_000, 10_000]);
  expect(events.of("breakerOpened")[0]?.reason).toBe("5 calls failed in a row; 5 needed");
  await clock.advance(10_000);
  const good = breaker(scripted([answers("ok")]));
  for (let probe = 0; probe < 5; probe += 1) await execute(good, order, { clock });
  expect(breaker.snapshot()).toMatchObject({ state: "closed", admittedShare: 0.1 });
  await clock.advance(10_000);
  expect(breaker.snapshot().admittedShare).toBeUndefined();
});

test("slow calls open it while they still run", async () => {
  const clock = new VirtualClock();
  const breaker = page.slow(clock);
  const call = breaker(scripted([hangs()]));
  const work = Array.from({ length: 20 }, () => execute(call, order, { clock }));
  for (const each of work) each.catch(() => {});
  await clock.advance(1_999);
  expect(breaker.snapshot().state).toBe("closed");
  await clock.advance(1);
  expect(breaker.snapshot()).toMatchObject({
    state: "open",
    reason: "20 of 20 calls took 2 s or longer in 10 s; at least 10 needed",
  });
  await expect(execute(call, order, { clock })).rejects.toMatchObject({ code: "BREAKER_OPEN" });
});

test("each key has its own circuit", async () => {
  const clock = new VirtualClock();
  const breaker = page.keyed(clock);
  const bad = breaker(scripted<string>([fails(down)])) as Call<object, string>;
  const good = breaker(scripted<string>([answers("ok")])) as Call<object, string>;
  for (let call = 0; call < 20; call += 1) {
    await execute(bad, { id: "1", host: "seoul" }, { clock }).catch(() => {});
  }
  await expect(execute(good, { id: "1", host: "seoul" }, { clock })).rejects.toMatchObject({
    code: "BREAKER_OPEN",
    message: expect.stringContaining("the circuit breaker for seoul is open"),
  });
  expect(await execute(good, { id: "1", host: "busan" }, { clock })).toBe("ok");
  expect(breaker.snapshot()).toMatchObject({ keys: 2, circuits: { seoul: { state: "open" } } });
  expect(breaker.snapshotOf("busan")).toMatchObject({ state: "closed", calls: 1 });
});

test("an operator's will stands above the rules, and probes decide after it", () => {
  const clock = new VirtualClock();
  const events = recordEvents();
  expect(page.forced(broken(clock, events.listen))).toEqual(["open", "halfOpen"]);
  expect(events.of("breakerForced")).toMatchObject([
    { to: "open", reason: "maintenance until 14:00, says Anna" },
  ]);
  expect(events.of("breakerReleased")).toMatchObject([{ reason: "maintenance is over" }]);
});

test("a forced state ends by itself", async () => {
  const clock = new VirtualClock();
  const breaker = broken(clock);
  breaker.force("open", { reason: "drill", for: "30m" });
  await clock.advance(30 * 60_000 - 1);
  expect(breaker.snapshot()).toMatchObject({ state: "open", forced: { leftMs: 1 }, retryAfterMs: 1 });
  await clock.advance(1);
  expect(breaker.snapshot()).toMatchObject({ state: "halfOpen", forced: undefined });
});

test("in shadow it decides and reports, and rejects nothing", async () => {
  const clock = new VirtualClock();
  const events = recordEvents();
  const breaker = page.shadow(events.listen, clock);
  await failTimes(breaker, 20, clock);
  expect(await execute(breaker(scripted([answers("paid")])), order, { clock })).toBe("paid");
  expect(events.types).toEqual(["breakerOpened", "callWouldBeRejected"]);
  expect(breaker.snapshot()).toMatchObject({ state: "open", shadow: true, rejected: 1 });
});

test("a restored breaker goes on where the other stopped", async () => {
  const clock = new VirtualClock();
  const before = broken(clock);
  await failTimes(before, 2, clock);
  await clock.advance(10_000);
  const after = page.restored(before, clock);
  expect(after.snapshot()).toMatchObject({ state: "open", retryAfterMs: 20_000 });
});

test("reconfigure keeps what is left out, and the counts", async () => {
  const clock = new VirtualClock();
  const breaker = circuitBreaker({ window: "1m", minimumCalls: 100, clock });
  await failTimes(breaker, 19, clock);
  page.changed(breaker);
  expect(breaker.snapshot()).toMatchObject({ state: "closed", calls: 19 });
  await failTimes(breaker, 1, clock);
  expect(breaker.snapshot().reason).toBe("20 of 20 calls failed in 1 m; at least 6 needed");
});

test("wrong: a breaker for each call never opens. Right: one breaker", async () => {
  const clock = new VirtualClock();
  const wrong = scripted<string>([fails(down)]);
  await page.wrong(wrong, clock);
  expect(wrong.attempts).toHaveLength(100);
  const right = scripted<string>([fails(down)]);
  await page.right(right, clock);
  expect(right.attempts).toHaveLength(5);
});

test("a breaker around a retry is refused", () => {
  expect(page.aroundRetry).toThrow(
    "circuitBreaker (pipeline[0]) stands around retry (pipeline[1]): it would see one outcome for up to 3 calls, " +
      "and could not stop retries while it is open; put the breaker inside the retry",
  );
});

test("the state diagram of the page is the exported table", () => {
  const text = readFileSync(new URL("../../policies/circuit-breaker.md", import.meta.url), "utf8");
  const moves = Object.entries(breakerTable).flatMap(([from, to]) =>
    Object.entries(to).map(([move, state]) => `    ${from} --> ${state}: ${move}`),
  );
  expect(text).toContain(["stateDiagram-v2", "    [*] --> closed", ...moves, "```"].join("\n"));
});
