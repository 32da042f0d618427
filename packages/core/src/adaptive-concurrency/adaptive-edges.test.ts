import { VirtualClock } from "@outrigger/lab";
import { expect, test } from "vitest";
import { deaf, echo, failure } from "../../test/calls.ts";
import { adaptiveConcurrency, execute, type PolicyEvent } from "../index.ts";

/** Each call is a window of its own, and the limit moves by one. */
const eager = { algorithm: "aimd", window: "0ms", minimumCalls: 1, min: 1 } as const;

async function taking(clock: VirtualClock, ms: number): Promise<string> {
  await clock.advance(ms);
  return "ok";
}

test("without a name the rejection names none", async () => {
  const limit = adaptiveConcurrency({ min: 1, max: 1 });
  void execute(limit(deaf), "").catch(() => {});
  await expect(execute(limit(echo), "")).rejects.toMatchObject({
    message: "the adaptive concurrency limit (1 now) is reached; try again in 1 s",
  });
});

test("a call that fails with nothing has not succeeded: its latency teaches nothing", async () => {
  const clock = new VirtualClock();
  const limit = adaptiveConcurrency({ ...eager, initial: 1, clock });
  const call = limit(async () => {
    await clock.advance(10);
    throw undefined;
  });
  await execute(call, "", { clock }).catch(() => {});
  expect(limit.snapshot()).toMatchObject({ limit: 1, latencyMs: undefined });
});

test("a limit that is where it was told to be is not told again", async () => {
  const clock = new VirtualClock();
  const events: PolicyEvent[] = [];
  const onEvent = (event: PolicyEvent): void => void events.push(event);
  const limit = adaptiveConcurrency({ ...eager, initial: 1, max: 2, clock, onEvent });
  const call = limit(() => taking(clock, 600));
  for (let round = 0; round < 5; round += 1) await execute(call, "", { clock });
  expect(limit.snapshot().limit).toBe(2);
  expect(events).toEqual([
    {
      type: "adaptiveLimitChanged",
      name: undefined,
      from: 1,
      to: 2,
      inUse: 1,
      reason: "1 to 2: the mean latency is 600 ms",
    },
  ]);
});

test("a limit that other rules move is told at once", () => {
  const clock = new VirtualClock();
  const events: PolicyEvent[] = [];
  const limit = adaptiveConcurrency({ clock, onEvent: (event) => void events.push(event) });
  limit.reconfigure({ max: 5 });
  expect(events).toMatchObject([
    { type: "adaptiveLimitChanged", from: 20, to: 5, inUse: 0, reason: "20 to 5: other rules" },
  ]);
  expect(limit.snapshot().lastChange).toBe("20 to 5: other rules");
});

test.each([{ algorithm: "aimd" }, { max: 50 }, { algorithm: "aimd", max: 50 }] as const)(
  "the options of the algorithm stay as long as it does: %o",
  async (change) => {
    const clock = new VirtualClock();
    const limit = adaptiveConcurrency({ ...eager, initial: 10, aimd: { slowAfter: "10ms" }, clock });
    limit.reconfigure(change);
    await execute(
      limit(() => taking(clock, 20)),
      "",
      { clock },
    );
    expect(limit.snapshot().limit).toBe(9);
  },
);

test("another algorithm leaves the options of the one before behind, and keeps the rest", () => {
  const limit = adaptiveConcurrency({ algorithm: "vegas", vegas: { alpha: 2 }, min: 2, max: 60 });
  limit.reconfigure({ algorithm: "aimd" });
  expect(limit.snapshot()).toMatchObject({ algorithm: "aimd", min: 2, max: 60 });
  // Options of another algorithm than the one in force are refused, so they are gone.
  limit.reconfigure({ window: "2s" });
});

test("a drop lowers the limit whatever was being measured", async () => {
  const clock = new VirtualClock();
  const limit = adaptiveConcurrency({ ...eager, initial: 10, clock });
  await execute(
    limit(() => Promise.reject(failure({ transient: true }))),
    "",
    { clock },
  ).catch(() => {});
  expect(limit.snapshot()).toMatchObject({
    limit: 9,
    drops: 1,
    lastChange: "10 to 9: a call timed out or was throttled",
  });
});

test("calls from before a change are not judged by the new rules", async () => {
  const clock = new VirtualClock();
  const limit = adaptiveConcurrency({ ...eager, minimumCalls: 2, initial: 1, clock });
  const call = limit(() => taking(clock, 10));
  await execute(call, "", { clock });
  limit.reconfigure({ max: 100 });
  await execute(call, "", { clock });
  expect(limit.snapshot().limit).toBe(1);
  await execute(call, "", { clock });
  expect(limit.snapshot().limit).toBe(2);
});
