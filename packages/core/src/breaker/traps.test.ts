import { spawnSync } from "node:child_process";
import fc from "fast-check";
import { expect, test } from "vitest";
import { type WatchedBreaker, watchedBreaker } from "../../test/breakers.ts";
import { failure, manual, watch } from "../../test/calls.ts";
import {
  attemptTimeout,
  type BreakerOptions,
  type Call,
  CallContext,
  circuitBreaker,
  execute,
  pipeline,
  retry,
} from "../index.ts";

// Mistakes that other breakers were seen to make, each under the number that research and conformance give it.

async function opened(options: BreakerOptions = {}): Promise<WatchedBreaker> {
  const made = watchedBreaker(options);
  await made.call(failure());
  await made.call(failure());
  expect(made.breaker.snapshot().state).toBe("open");
  return made;
}

/** A call through the breaker whose end the test decides. */
function pending({ clock, breaker }: WatchedBreaker): { settle: (error?: unknown) => Promise<void> } {
  const { call, calls } = manual();
  void watch(execute(breaker(call), "", { clock }));
  return {
    async settle(error) {
      if (error === undefined) calls[0]?.resolve("ok");
      else calls[0]?.reject(error);
      await clock.advance(0);
    },
  };
}

test.each([
  ["success", undefined],
  ["failure", failure()],
])(
  "T1: a late %s from before the opening moves neither open nor half-open, and the probe decides",
  async (_, end) => {
    const made = watchedBreaker();
    const { clock, breaker, call } = made;
    const late = [pending(made), pending(made), pending(made)];
    await call(failure());
    await call(failure());
    await late[0]?.settle(end);
    expect(breaker.snapshot()).toMatchObject({ state: "open", stale: 1 });
    await clock.advance(30_000);
    await late[1]?.settle(end);
    expect(breaker.snapshot()).toMatchObject({ state: "halfOpen", calls: 0, stale: 2 });
    const probe = pending(made);
    await late[2]?.settle(end);
    expect(breaker.snapshot().state).toBe("halfOpen");
    await probe.settle();
    expect(breaker.snapshot()).toMatchObject({ state: "closed", calls: 0 });
  },
);

test("T2: failures in a row are counted in the order in which calls end; a late success breaks the row", async () => {
  const made = watchedBreaker({ consecutiveFailures: 3, minimumCalls: 100 });
  const late = pending(made);
  await made.call(failure());
  await made.call(failure());
  await late.settle();
  expect(made.breaker.snapshot().consecutiveFailures).toBe(0);
});

test("T3: a probe that hangs gives its place to another after its time", async () => {
  const made = await opened({ maxHalfOpen: "5s" });
  const { clock, breaker, call } = made;
  await clock.advance(30_000);
  const hung = pending(made);
  await clock.advance(4_999);
  expect(await call()).toMatchObject({ code: "BREAKER_OPEN", retryAfterMs: 1 });
  await clock.advance(1);
  expect(await call()).toBe("ok");
  await hung.settle(failure());
  expect(breaker.snapshot()).toMatchObject({ state: "closed", calls: 0, stale: 1 });
});

const ends: [string, Call<string, string>][] = [
  ["a result", async () => "ok"],
  ["a failure", async () => Promise.reject(failure())],
  ["a rejection of an inner policy", async () => Promise.reject(failure({ kind: "rejected" }))],
  ["an abort", async () => Promise.reject(failure({ kind: "aborted" }))],
  [
    "a throw before the first await",
    () => {
      throw new Error("at once");
    },
  ],
];
test.each(ends)("T4: %s gives the probe's place back", async (_, end) => {
  const { clock, breaker, call } = await opened({ probes: 2, probeFailureRatio: 1 });
  await clock.advance(30_000);
  await execute(breaker(end), "", { clock }).catch(() => {});
  for (let round = 0; round < 3; round += 1) {
    expect(await call()).toBe("ok");
  }
  expect(breaker.snapshot().state).toBe("closed");
});

test("T5: whatever ends how, no more probes run at once than there are", async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.integer({ min: 1, max: 4 }),
      fc.array(fc.constantFrom("call", "ok", "no", "nothing", "wait"), { maxLength: 60 }),
      async (probes, steps) => {
        const made = await opened({ probes, probeFailureRatio: 1 });
        await made.clock.advance(30_000);
        const { call, calls } = manual();
        let ended = 0;
        for (const step of steps) {
          const oldest = calls[ended];
          if (step === "call") void watch(execute(made.breaker(call), "", { clock: made.clock }));
          else if (step === "wait") await made.clock.advance(100);
          else if (oldest !== undefined) {
            ended += 1;
            if (step === "ok") oldest.resolve("ok");
            else oldest.reject(failure({ kind: step === "no" ? "failed" : "aborted" }));
          }
          await made.clock.advance(0);
          if (made.breaker.snapshot().state !== "halfOpen") return;
          expect(calls.length - ended).toBeLessThanOrEqual(probes);
        }
      },
    ),
    { numRuns: 150 },
  );
});

test("T6: an hour of silence leaves nothing in a window of ten seconds", async () => {
  const { clock, breaker, call } = watchedBreaker({ minimumCalls: 10 });
  for (let round = 0; round < 9; round += 1) await call(failure());
  await clock.advance(3_600_000);
  for (let round = 0; round < 2; round += 1) await call(failure());
  expect(breaker.snapshot()).toMatchObject({ state: "closed", failures: 2, calls: 2 });
});

test("T7: a ratio of 1 is reached by failures alone, and a ratio by exactly its share", async () => {
  const all = watchedBreaker({ failureRatio: 1, minimumCalls: 4 });
  for (let round = 0; round < 4; round += 1) await all.call(failure());
  expect(all.breaker.snapshot().state).toBe("open");
  const most = watchedBreaker({ failureRatio: 1, minimumCalls: 4 });
  await most.call();
  for (let round = 0; round < 10; round += 1) await most.call(failure());
  expect(most.breaker.snapshot().state).toBe("closed");
});

test("T8: rejections are in no denominator: own ones, and those of policies inside", async () => {
  const { breaker, call } = watchedBreaker({ minimumCalls: 4 });
  for (let round = 0; round < 20; round += 1) await call(failure({ kind: "rejected" }));
  await call();
  await call();
  await call(failure());
  await call(failure());
  await call();
  expect(breaker.snapshot()).toMatchObject({ state: "open", failures: 2, calls: 4, rejected: 1 });
});

test("T9: the minimum of calls does not hold probes up: fewer of them decide", async () => {
  const { clock, breaker, call } = await opened({ minimumCalls: 2, probes: 1, count: 100 });
  await clock.advance(30_000);
  breaker.reconfigure({ minimumCalls: 50, probes: 1, count: 100 });
  await call();
  expect(breaker.snapshot().state).toBe("closed");
});

test("T10: six failures at one moment do not cancel the way back", async () => {
  const made = watchedBreaker();
  const calls = Array.from({ length: 6 }, () => pending(made));
  await Promise.all(calls.map(({ settle }) => settle(failure())));
  expect(made.breaker.snapshot()).toMatchObject({ state: "open", stale: 4, openings: 1 });
  await made.clock.advance(30_000);
  expect(await made.call()).toBe("ok");
});

test("T11: a thousand callers who meet a half-open circuit are answered at once, and after it no herd goes through", async () => {
  const made = await opened({ rampUp: "10s" });
  const { clock, breaker, call } = made;
  await clock.advance(30_000);
  const probe = pending(made);
  const answers = await Promise.all(Array.from({ length: 1_000 }, () => call()));
  expect(answers.every((answer) => (answer as { code?: string }).code === "BREAKER_OPEN")).toBe(true);
  await probe.settle();
  expect(breaker.snapshot().state).toBe("closed");
  const herd = await Promise.all(Array.from({ length: 1_000 }, () => call()));
  const through = herd.filter((answer) => answer === "ok").length;
  expect(Math.abs(through - 100)).toBeLessThanOrEqual(1);
  const waits = herd.flatMap((answer) => (answer as { retryAfterMs?: number }).retryAfterMs ?? []);
  expect(new Set(waits).size).toBe(1_000 - through);
});

test("T14: a caller who leaves while its probe runs frees the place at once", async () => {
  const { clock, breaker, call } = await opened();
  await clock.advance(30_000);
  const controller = new AbortController();
  const guarded = pipeline(breaker, attemptTimeout("10s"))(() => new Promise<string>(() => {}));
  void watch(execute(guarded, "", { clock, signal: controller.signal }));
  await clock.advance(1);
  expect(await call()).toMatchObject({ code: "BREAKER_OPEN" });
  controller.abort();
  await clock.advance(0);
  expect(await call()).toBe("ok");
});

test("T22: a process with a thousand open breakers, slow calls and all, ends by itself", () => {
  const script = `
    import { CallContext, circuitBreaker, keyedBreaker } from "@outrigger/core";
    const options = { count: 1, minimumCalls: 1, slowCall: { after: "1s" }, rampUp: "10s", openFor: { first: "1h" } };
    const keyed = keyedBreaker({ ...options, key: String });
    for (let index = 0; index < 1000; index += 1) {
      for (const breaker of [circuitBreaker(options), keyed]) {
        await breaker(async () => { throw new Error("no"); })(index, new CallContext()).catch(() => {});
      }
    }
    if (Object.keys(keyed.snapshot().circuits).length !== 1000) throw new Error("not open");
    console.log("open");
  `;
  const flags = ["--conditions=@outrigger/source", "--no-warnings", "--input-type=module", "--eval", script];
  const { stdout, status } = spawnSync(process.execPath, flags, { timeout: 20_000, encoding: "utf8" });
  expect([stdout.trim(), status]).toEqual(["open", 0]);
}, 30_000);

test("T23: a wall clock that jumps neither opens, closes nor prolongs anything", async () => {
  const made = await opened();
  let jumpMs = 0;
  const { clock } = made;
  const jumpy = {
    now: () => clock.now(),
    wallNow: () => clock.wallNow() + jumpMs,
    setTimer: clock.setTimer.bind(clock),
  };
  const breaker = circuitBreaker({ minimumCalls: 1, clock: jumpy });
  await breaker(async () => Promise.reject(failure()))("", new CallContext({ clock })).catch(() => {});
  for (jumpMs of [-3_600_000, 3_600_000]) {
    expect(breaker.snapshot()).toMatchObject({ state: "open", retryAfterMs: 30_000 });
  }
  await clock.advance(30_000);
  expect(breaker.snapshot().state).toBe("halfOpen");
});

test("T25: a listener that throws, or rejects, changes neither results nor counts", async () => {
  for (const onEvent of [
    () => {
      throw new Error("listener");
    },
    async () => Promise.reject(new Error("listener")),
  ]) {
    const { clock, breaker, call } = await opened({ onEvent });
    expect(await call()).toMatchObject({ code: "BREAKER_OPEN" });
    await clock.advance(30_000);
    expect(await call()).toBe("ok");
    breaker.force("open", { reason: "drill" });
    expect(breaker.snapshot()).toMatchObject({ state: "open", rejected: 1, stale: 0 });
  }
});

test("T27: rules that change under load lose no call, no count and no state", async () => {
  const made = watchedBreaker({ minimumCalls: 6 });
  const { breaker, call } = made;
  const running = Array.from({ length: 3 }, () => pending(made));
  await call(failure());
  breaker.reconfigure({ minimumCalls: 4, window: "20s", slowCall: { after: "5s" } });
  for (const { settle } of running) await settle(failure());
  expect(breaker.snapshot()).toMatchObject({ state: "open", failures: 4, calls: 4, stale: 0 });
  breaker.reconfigure({ openFor: "1h" });
  expect(breaker.snapshot()).toMatchObject({ state: "open", retryAfterMs: 30_000 });
});

test("T31: a restored forced state can be released, and releasing never closes a circuit that was open", async () => {
  const made = await opened();
  const { breaker } = made;
  breaker.force("open", { reason: "drill" });
  breaker.restore(JSON.parse(JSON.stringify(breaker.snapshot())));
  expect(breaker.snapshot().forced).toMatchObject({ to: "open" });
  breaker.force(undefined, { reason: "over" });
  expect(breaker.snapshot()).toMatchObject({ state: "halfOpen", forced: undefined });
});

test("T33: a rejection has no cause, and the thousandth is as short as the first", async () => {
  const { call } = await opened();
  const first = (await call()) as Error;
  for (let round = 0; round < 1_000; round += 1) await call(first);
  const last = (await call()) as Error;
  expect([last.cause, last.message]).toEqual([undefined, first.message]);
});

test("T32: a retry around an open circuit asks it once", async () => {
  const { clock, breaker } = await opened();
  const answer = watch(
    execute(
      pipeline(retry(), breaker)(async () => "ok"),
      "",
      { clock },
    ),
  );
  await clock.advance(0);
  expect([answer.status, breaker.snapshot().rejected, clock.pending]).toEqual(["rejected", 1, 0]);
});

test("T35: a timely no of the other side is healthy: it closes a half-open circuit and opens none", async () => {
  const { clock, breaker, call } = await opened();
  await clock.advance(30_000);
  await call(failure({ kind: "refused" }));
  expect(breaker.snapshot().state).toBe("closed");
  for (let round = 0; round < 100; round += 1) await call(failure({ kind: "refused" }));
  expect(breaker.snapshot()).toMatchObject({ state: "closed", failures: 0, calls: 100 });
});
