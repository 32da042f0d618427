import { attemptTimeout, deadline, execute, Failure, fallback, pipeline, retry } from "@outrigger/core";
import { answers, fails, hangs, recordEvents, scripted, VirtualClock } from "@outrigger/lab";
import { expect } from "vitest";

const unavailable = new Failure("503", { code: "UNAVAILABLE", effect: "none" });

export async function answersWithTheLastKnown(): Promise<void> {
  // #region usage
  const clock = new VirtualClock();
  const rates = scripted([answers(1_320, { after: "50ms" }), fails(unavailable)]);
  let lastKnown = 1_300;

  const policy = pipeline(
    fallback(() => lastKnown), // outermost: it also answers when the time is up
    deadline("1s"),
    retry({ maxRetries: 1, random: () => 0.5 }),
  );
  const rate = async () => {
    lastKnown = await execute(policy(rates), "USD/KRW", { clock, idempotent: true });
    return lastKnown;
  };

  const fresh = rate();
  await clock.advance(50);
  expect(await fresh).toBe(1_320);

  const stale = rate(); // the service is down by now
  await clock.advance(1_000);
  expect(await stale).toBe(1_320);
  // #endregion
  expect(rates.attempts.length).toBe(3);
}

export async function doesNotHideACharge(): Promise<void> {
  // #region refused
  const clock = new VirtualClock();
  const events = recordEvents();
  const charge = scripted([hangs()]);

  const policy = pipeline(fallback("try again later", { onEvent: events.listen }), attemptTimeout("1s"));
  const failure = execute(policy(charge), "order-1", { clock }).catch((error: unknown) => error);
  await clock.advance(1_000);

  // Perhaps charged: the caller must know that, to ask, cancel or reconcile.
  expect(await failure).toMatchObject({ code: "ATTEMPT_TIMEOUT", effect: "unknown" });
  expect(events.of("fallbackRefused")[0]).toMatchObject({ why: "effectUnknown", effect: "unknown" });
  // #endregion
}

export async function hidesAReadsTimeout(): Promise<void> {
  // #region reads
  const clock = new VirtualClock();
  const ranking = scripted([hangs()]);

  // A read has no effect, but nobody has said so to the policy: after a timeout it counts as unknown.
  const policy = pipeline(fallback([], { acceptUnknown: true }), attemptTimeout("1s"));
  const result = execute(policy(ranking), "week", { clock });
  await clock.advance(1_000);

  expect(await result).toEqual([]);
  // #endregion
}

/** Charges, and answers after the caller has gone. */
function slowProvider() {
  return scripted([answers("paid", { after: "3s", deaf: true })]);
}

export async function paysTwice(): Promise<void> {
  // #region wrong
  const clock = new VirtualClock();
  const provider = slowProvider(); // charges, and answers after 3 s
  const policy = pipeline(fallback("not paid", { acceptUnknown: true }), attemptTimeout("1s"));

  // "maybe" becomes "no", and a customer who reads "not paid" pays again.
  for (let tries = 0; tries < 2; tries += 1) {
    const outcome = execute(policy(provider), "order-1", { clock });
    await clock.advance(3_000);
    expect(await outcome).toBe("not paid");
  }
  expect(provider.attempts.filter(({ status }) => status === "answered").length).toBe(2); // charged twice
  // #endregion
}

export async function saysThatItIsOpen(): Promise<void> {
  // #region right
  const clock = new VirtualClock();
  const provider = slowProvider();
  const policy = pipeline(fallback("not paid"), attemptTimeout("1s"));

  // Where nothing was sent, "not paid" is true. After a timeout the failure comes through.
  const outcome = execute(policy(provider), "order-1", { clock }).catch((error: unknown) =>
    Failure.is(error) && error.effect === "unknown" ? "we are asking your bank" : Promise.reject(error),
  );
  await clock.advance(3_000);

  expect(await outcome).toBe("we are asking your bank");
  expect(provider.attempts.length).toBe(1);
  // #endregion
}
