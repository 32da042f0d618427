import {
  attemptTimeout,
  bulkhead,
  type Call,
  execute,
  Failure,
  fixed,
  type Policy,
  pipeline,
  retry,
} from "@outrigger/core";
import { answers, fails, hangs, recordEvents, scripted, VirtualClock } from "@outrigger/lab";
import { expect } from "vitest";

/** Makes the call and keeps what it ends with, error or answer. */
function ended(work: Promise<unknown>): Promise<unknown> {
  return work.catch((error: unknown) => error);
}

interface Order {
  readonly id: string;
  readonly tenant: string;
  readonly paying: boolean;
}

export async function usage(): Promise<void> {
  // #region usage
  const clock = new VirtualClock();
  const events = recordEvents();
  const slots = bulkhead({
    name: "toss",
    limit: 2,
    queue: { maxWaiting: 1, timeout: "500ms" },
    onEvent: events.listen,
  });
  const charge = slots(scripted([answers("paid", { after: "100ms" })]));

  const calls = [1, 2, 3, 4].map((order) => ended(execute(charge, order, { clock })));
  expect(slots.snapshot()).toMatchObject({ inUse: 2, waiting: 1 });
  expect(slots.utilisation()).toBe(1.5);
  await clock.advance(200);

  const full = { code: "QUEUE_FULL", effect: "none", retryAfterMs: 1_000 }; // answer our own caller 503
  expect(await Promise.all(calls)).toMatchObject(["paid", "paid", "paid", full]);
  expect(events.of("queueLeft")).toMatchObject([{ waitedMs: 100, outcome: "admitted" }]);
  // #endregion
  expect(events.types).toEqual(["queueRejected", "queueLeft"]);
  expect(await calls[3]).toMatchObject({
    kind: "rejected",
    message: "the bulkhead of toss is full: 2 calls run and 1 wait; try again in 1 s",
  });
  expect(clock.pending).toBe(0);
}

export async function order(): Promise<void> {
  // #region order
  const slots = bulkhead({
    limit: 50,
    queue: {
      maxWaiting: 100,
      order: "codel", // a burst may wait, a standing queue is cut: dropped calls end as QUEUE_OVERLOADED
      codel: { target: "20ms", interval: "200ms" }, // the interval: about the time of a slow call
      priorities: { levels: 2, of: (input) => ((input as Order).paying ? 1 : 0) },
      fairness: { key: (input) => (input as Order).tenant }, // tenants take turns
    },
  });
  // #endregion
  expect(slots.snapshot()).toMatchObject({ limit: 50, maxWaiting: 100 });
  await prioritiesAndTurns();
}

async function prioritiesAndTurns(): Promise<void> {
  const clock = new VirtualClock();
  const served: string[] = [];
  const slots = bulkhead({
    limit: 1,
    queue: {
      maxWaiting: 10,
      priorities: { levels: 2, of: (input) => ((input as Order).paying ? 1 : 0) },
      fairness: { key: (input) => (input as Order).tenant },
    },
  });
  const call = slots(async (input: Order, context) => {
    served.push(input.id);
    await new Promise<void>((resolve) => context.clock.setTimer(10, resolve));
  });
  const come = (id: string, paying: boolean): Promise<void> =>
    execute(call, { id, tenant: id.slice(0, 1), paying }, { clock });
  const all = [come("x1", false), come("a1", false), come("a2", false), come("b1", false), come("c1", true)];
  await clock.advance(100);
  await Promise.all(all);
  expect(served).toEqual(["x1", "c1", "a1", "b1", "a2"]);
}

export async function outlives(): Promise<void> {
  // #region outlives
  const clock = new VirtualClock();
  const slots = bulkhead(1);
  const provider = scripted([hangs({ deaf: true }), answers("paid")]); // does not stop when told to
  const charge = pipeline(slots, attemptTimeout("1s"))(provider);

  const first = ended(execute(charge, "order-1", { clock }));
  await clock.advance(1_000);
  expect(await first).toMatchObject({ code: "ATTEMPT_TIMEOUT" }); // its caller is free

  expect(slots.snapshot()).toMatchObject({ inUse: 1, outliving: 1 }); // its slot is not
  expect(await ended(execute(charge, "order-2", { clock }))).toMatchObject({ code: "LIMIT_REACHED" });
  // #endregion
}

export async function reconfigured(): Promise<void> {
  // #region reconfigure
  const clock = new VirtualClock();
  const slots = bulkhead({ limit: 1, queue: { maxWaiting: 10 } });
  const charge = slots(scripted([answers("paid", { after: "1s" })]));
  const calls = [1, 2, 3].map((order) => execute(charge, order, { clock }));
  expect(slots.snapshot()).toMatchObject({ inUse: 1, waiting: 2 });

  slots.reconfigure({ limit: 3 }); // what is left out stays; who waits is let in at once
  expect(slots.snapshot()).toMatchObject({ inUse: 3, waiting: 0 });
  // #endregion
  await clock.advance(1_000);
  expect(await Promise.all(calls)).toEqual(["paid", "paid", "paid"]);
}

const busy = new Failure("503", { code: "UNAVAILABLE", effect: "none" });

async function whoIsTurnedAway(make: (slots: Policy) => Policy): Promise<unknown> {
  const clock = new VirtualClock();
  const slots = bulkhead(1);
  const failing: Call<unknown, unknown> = make(slots)(scripted([fails(busy), answers("paid")]));
  const waiting = execute(failing, "order-1", { clock, idempotent: true });
  await clock.advance(1_000);
  const other = await ended(execute(slots(scripted([answers("paid")])), "order-2", { clock }));
  await clock.advance(10_000);
  await waiting;
  return other;
}

export async function wrong(): Promise<void> {
  const waits = retry({ backoff: fixed("10s"), jitter: "none" });
  // #region wrong
  // Wrong: one slot, held for the 10 s between two attempts, while nothing runs.
  const policy = (slots: Policy) => pipeline(slots, waits);

  expect(await whoIsTurnedAway(policy)).toMatchObject({ code: "LIMIT_REACHED" });
  // #endregion
}

export async function right(): Promise<void> {
  const waits = retry({ backoff: fixed("10s"), jitter: "none" });
  // #region right
  // Right: each attempt asks for a slot, and gives it back while it waits for the next.
  const policy = (slots: Policy) => pipeline(waits, slots);

  expect(await whoIsTurnedAway(policy)).toBe("paid");
  // #endregion
}
