import {
  attemptTimeout,
  circuitBreaker,
  deadline,
  execute,
  Failure,
  failover,
  pipeline,
} from "@outrigger/core";
import { answers, fails, hangs, recordEvents, scripted, VirtualClock } from "@outrigger/lab";
import { expect } from "vitest";

const refusedConnection = new Failure("connection refused", { code: "CONNECT", effect: "none" });
const declined = new Failure("card declined", { code: "DECLINED", effect: "none", kind: "refused" });

export async function asksTheNext(): Promise<void> {
  // #region usage
  const clock = new VirtualClock();
  const events = recordEvents();
  const north = scripted([fails(refusedConnection)]);
  const south = scripted([answers("paid by south", { after: "200ms" })]);

  // Each provider has policies of its own; the deadline around both is shared.
  const charge = failover(
    [
      { name: "north", call: pipeline(circuitBreaker(), attemptTimeout("3s"))(north) },
      { name: "south", call: pipeline(circuitBreaker(), attemptTimeout("3s"))(south) },
    ],
    { name: "charge", onEvent: events.listen },
  );
  const outcome = execute(deadline("5s")(charge), "order-1", { clock, key: "order-1" });
  await clock.advance(200);

  expect(await outcome).toBe("paid by south");
  expect(events.of("failedOver")[0]).toMatchObject({ from: "north", to: "south" });
  // #endregion
  expect(charge.snapshot().targets).toEqual([
    { name: "north", tried: 1, answered: 0 },
    { name: "south", tried: 1, answered: 1 },
  ]);
}

export async function doesNotAskAfterMaybe(): Promise<void> {
  // #region unsafe
  const clock = new VirtualClock();
  const events = recordEvents();
  const north = scripted([hangs()]);
  const south = scripted([answers("paid by south")]);

  const charge = failover(
    [
      { name: "north", call: attemptTimeout("3s")(north) },
      { name: "south", call: attemptTimeout("3s")(south) },
    ],
    { onEvent: events.listen },
  );
  const failure = execute(charge, "order-1", { clock, idempotent: true, key: "order-1" }).catch(
    (error: unknown) => error,
  );
  await clock.advance(3_000);

  expect(await failure).toMatchObject({ code: "ATTEMPT_TIMEOUT", effect: "unknown" });
  expect(events.of("failoverRefused")[0]).toMatchObject({ from: "north", why: "notSafe" });
  expect(south.attempts.length).toBe(0);
  // #endregion
}

export async function takesNoForAnAnswer(): Promise<void> {
  // #region declined
  const clock = new VirtualClock();
  const south = scripted([answers("paid by south")]);
  const charge = failover([
    { name: "north", call: scripted([fails(declined)]) },
    { name: "south", call: south },
  ]);

  await expect(execute(charge, "order-1", { clock })).rejects.toBe(declined);
  expect(south.attempts.length).toBe(0);
  // #endregion
}

export async function chargesAtBoth(): Promise<void> {
  // #region wrong
  const clock = new VirtualClock();
  const north = scripted([answers("paid by north", { after: "4s", deaf: true })]); // slow, not down
  const south = scripted([answers("paid by south")]);

  // The key is north's to honour; south has never seen it.
  const charge = failover(
    [
      { name: "north", call: attemptTimeout("3s")(north) },
      { name: "south", call: attemptTimeout("3s")(south) },
    ],
    { acceptUnknown: true },
  );
  const outcome = execute(charge, "order-1", { clock, idempotent: true, key: "order-1" });
  await clock.advance(4_000);

  expect(await outcome).toBe("paid by south");
  expect(north.attempts[0]?.status).toBe("answered"); // paid by north as well
  // #endregion
}

export async function readsFromBoth(): Promise<void> {
  // #region right
  const clock = new VirtualClock();
  const north = scripted([answers("1320.5 (north)", { after: "4s", deaf: true })]);
  const south = scripted([answers("1320.4 (south)")]);

  // Two answers to one question do no harm: for reads, "maybe" may be passed on.
  const rate = failover(
    [
      { name: "north", call: attemptTimeout("3s")(north) },
      { name: "south", call: attemptTimeout("3s")(south) },
    ],
    { acceptUnknown: true },
  );
  const outcome = execute(rate, "USD/KRW", { clock, idempotent: true });
  await clock.advance(3_000);

  expect(await outcome).toBe("1320.4 (south)");
  // #endregion
}

export async function oneBreakerForBoth(): Promise<void> {
  // #region shared
  const clock = new VirtualClock();
  const south = scripted([answers("paid by south")]);

  // One breaker around both: north's outage closes the way to south.
  const shared = circuitBreaker({ consecutiveFailures: 1 });
  const charge = failover([
    { name: "north", call: shared(scripted([fails(refusedConnection)])) },
    { name: "south", call: shared(south) },
  ]);

  await expect(execute(charge, "order-1", { clock })).rejects.toMatchObject({ code: "BREAKER_OPEN" });
  expect(south.attempts.length).toBe(0);
  // #endregion
}
