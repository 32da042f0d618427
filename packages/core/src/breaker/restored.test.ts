import { expect, test } from "vitest";
import { watchedBreaker } from "../../test/breakers.ts";
import { failure, manual, watch } from "../../test/calls.ts";
import { type BreakerOptions, execute } from "../index.ts";

test("a restored state is told with why it was in it, and only when it is another one", async () => {
  const first = watchedBreaker();
  const fresh = first.breaker.snapshot();
  await first.call(failure());
  await first.call(failure());
  const open = first.breaker.snapshot();
  const { breaker, events } = watchedBreaker();
  breaker.restore(fresh);
  expect(events).toEqual([]);
  breaker.restore(open);
  breaker.restore(open);
  breaker.restore(fresh);
  expect(events).toEqual([
    {
      type: "breakerOpened",
      reason: "restored: 2 of 2 calls failed in 10 s; at least 1 needed",
      openForMs: 30_000,
    },
    { type: "breakerClosed", reason: "restored: it was never open" },
  ]);
});

test("after a restore calls count, and those from before it do not", async () => {
  const { clock, breaker, call } = watchedBreaker({ minimumCalls: 3 });
  const pending = manual();
  void watch(execute(breaker(pending.call), "", { clock }));
  breaker.restore(breaker.snapshot());
  await call(failure());
  await call();
  pending.calls[0]?.reject(failure());
  await clock.advance(0);
  expect(breaker.snapshot()).toMatchObject({ state: "closed", failures: 1, calls: 2, stale: 1 });
});

test("probes that had answered before the restore decide at once where they are enough", async () => {
  const first = watchedBreaker({ probes: 3 });
  await first.call(failure());
  await first.call(failure());
  await first.clock.advance(30_000);
  for (let probe = 0; probe < 2; probe += 1) await first.call();
  const snapshot = first.breaker.snapshot();
  expect(snapshot.saved.trial).toEqual({ answered: 2, failed: 0, slow: 0 });
  const second = watchedBreaker({ probes: 2 });
  second.breaker.restore(snapshot);
  expect(second.breaker.snapshot()).toMatchObject({ state: "closed", reason: "2 of 2 probes succeeded" });
  expect(second.events.map(({ type }) => type)).toEqual(["breakerHalfOpened", "breakerClosed"]);
});

test("a probe that still runs is saved as none, also when it is slow: it cannot answer in another process", async () => {
  const { clock, breaker, call } = watchedBreaker({ probes: 3, slowCall: { after: "1s", ratio: 1 } });
  await call(failure());
  await call(failure());
  await clock.advance(30_000);
  void watch(execute(breaker(manual().call), "", { clock }));
  await clock.advance(2_000);
  expect(breaker.snapshot().saved.trial).toEqual({ answered: 0, failed: 0, slow: 0 });
});

test.each<[from: BreakerOptions, to: BreakerOptions]>([
  [{ count: 10 }, { window: "10s" }],
  [{ window: "10s" }, { count: 10 }],
])(
  "outcomes of a %j cannot be told in a %j, which starts anew, and a restore from it too",
  async (from, to) => {
    const { breaker, call } = watchedBreaker({ ...from, minimumCalls: 5 });
    await call(failure());
    const saved = breaker.snapshot();
    breaker.reconfigure(to);
    expect(breaker.snapshot()).toMatchObject({ state: "closed", calls: 0, failures: 0 });
    const other = watchedBreaker({ ...to, minimumCalls: 5 });
    other.breaker.restore(saved);
    expect(other.breaker.snapshot()).toMatchObject({ state: "closed", calls: 0, failures: 0 });
    await other.call(failure());
    expect(other.breaker.snapshot()).toMatchObject({ calls: 1, failures: 1 });
  },
);

test("a ramp-up goes on where it was", async () => {
  const first = watchedBreaker({ rampUp: "10s" });
  await first.call(failure());
  await first.call(failure());
  await first.clock.advance(30_000);
  await first.call();
  await first.clock.advance(5_000);
  expect(first.breaker.snapshot().admittedShare).toBeCloseTo(0.55);
  const second = watchedBreaker({ rampUp: "10s", clock: first.clock });
  second.breaker.restore(first.breaker.snapshot());
  expect(second.breaker.snapshot().admittedShare).toBeCloseTo(0.55);
  await first.clock.advance(5_000);
  expect(second.breaker.snapshot().admittedShare).toBeUndefined();
});
