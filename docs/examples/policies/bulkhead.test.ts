import { bulkhead, coreFailureCodes, execute } from "@outrigger/core";
import { answers, hangs, scripted, VirtualClock } from "@outrigger/lab";
import { expect, test } from "vitest";
import { order, outlives, reconfigured, right, usage, wrong } from "./bulkhead.ts";

test("so many run, a few wait, the rest is turned away at once", usage);
test("the more important level first, and in a level keys take turns", order);
test("a slot is held until the work ends, also when its caller has gone", outlives);
test("a higher limit lets in who waits", reconfigured);
test("around a retry it holds a slot while nothing runs", wrong);
test("inside a retry it holds a slot for an attempt", right);

test("who waits is told in time: after the queue's timeout, or at the deadline", async () => {
  const clock = new VirtualClock();
  const slots = bulkhead({ limit: 1, queue: { maxWaiting: 10, timeout: "500ms" } });
  const call = slots(scripted([hangs()]));
  execute(call, 1, { clock }).catch(() => {});
  const patient = execute(call, 2, { clock }).catch((error: unknown) => error);
  const hurried = execute(call, 3, { clock, deadlineAtMs: clock.now() + 100 }).catch(
    (error: unknown) => error,
  );
  await clock.advance(100);
  expect(await hurried).toMatchObject({ code: coreFailureCodes.deadlineExceeded, effect: "none" });
  await clock.advance(400);
  expect(await patient).toMatchObject({ code: "QUEUE_TIMEOUT", effect: "none", retryAfterMs: 1_000 });
});

test("who cannot be in time is told at once, as soon as the queue's pace is known", async () => {
  const clock = new VirtualClock();
  const slots = bulkhead({ limit: 1, queue: { maxWaiting: 50, timeout: "1m" } });
  const call = slots(scripted([answers("ok", { after: "1s" })]));
  const before = Array.from({ length: 20 }, () => execute(call, 0, { clock }));
  await clock.advance(6_000);
  const hurried = execute(call, 1, { clock, deadlineAtMs: clock.now() + 5_000 });
  await expect(hurried).rejects.toMatchObject({
    code: "WAIT_PAST_DEADLINE",
    effect: "none",
    kind: "rejected",
  });
  await clock.advance(20_000);
  await Promise.all(before);
});

test("who leaves while it waits frees its place", async () => {
  const clock = new VirtualClock();
  const slots = bulkhead({ limit: 1, queue: { maxWaiting: 1 } });
  const call = slots(scripted([answers("ok", { after: "100ms" })]));
  const caller = new AbortController();
  const running = execute(call, 1, { clock });
  const waiting = execute(call, 2, { clock, signal: caller.signal });
  caller.abort();
  await expect(waiting).rejects.toMatchObject({ code: "CALL_ABORTED", effect: "none" });
  expect(slots.snapshot()).toMatchObject({ waiting: 0, aborted: 1 });
  await clock.advance(100);
  expect(await running).toBe("ok");
});

test("codel drops the oldest of a queue that stands", async () => {
  const clock = new VirtualClock();
  const slots = bulkhead({
    limit: 1,
    queue: { maxWaiting: 100, timeout: "10s", order: "codel", codel: { target: "20ms", interval: "200ms" } },
  });
  const call = slots(scripted([answers("ok", { after: "50ms" })]));
  const codes: unknown[] = [];
  for (let index = 0; index < 40; index += 1) {
    execute(call, index, { clock }).catch(({ code }: { code: string }) => codes.push(code));
  }
  await clock.advance(5_000);
  expect(new Set(codes)).toEqual(new Set(["QUEUE_OVERLOADED"]));
  expect(slots.snapshot().rejectedBy.overloaded).toBe(codes.length);
});

test("a target that is no shorter than the interval is refused", () => {
  const codel = { target: "200ms", interval: "100ms" } as const;
  expect(() => bulkhead({ limit: 1, queue: { maxWaiting: 1, order: "codel", codel } })).toThrow(
    "bulkhead.queue.codel.target must be shorter than the interval (100ms)",
  );
  expect(() => bulkhead({ limit: 1, queue: { maxWaiting: 1, codel } })).toThrow("counts only with the order");
});
