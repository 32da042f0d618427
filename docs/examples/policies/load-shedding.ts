import {
  bulkhead,
  execute,
  Failure,
  fixed,
  loadShedding,
  type Policy,
  pipeline,
  retry,
} from "@outrigger/core";
import { answers, fails, recordEvents, scripted, VirtualClock } from "@outrigger/lab";
import { expect } from "vitest";

/** Makes the call and keeps what it ends with, error or answer. */
function ended(work: Promise<unknown>): Promise<unknown> {
  return work.catch((error: unknown) => error);
}

export async function usage(): Promise<void> {
  // #region usage
  const clock = new VirtualClock();
  const events = recordEvents();
  const provider = scripted([answers("ok", { after: "100ms" })]);
  const slots = bulkhead(10);
  const shedding = loadShedding({
    name: "maps",
    levels: [
      { name: "suggestions", shedAt: 0.5 }, // the least important first
      { name: "search", shedAt: 0.8 },
      { name: "checkout" }, // never shed
    ],
    utilisation: slots.utilisation, // 1 when every slot is taken
    onEvent: events.listen,
  });
  const suggest = pipeline(shedding.level("suggestions"), slots)(provider);
  const checkout = pipeline(shedding.level("checkout"), slots)(provider);

  const busy = [1, 2, 3, 4, 5].map((order) => execute(checkout, order, { clock }));

  const shed = { code: "LOAD_SHED", effect: "none", retryAfterMs: 1_000 };
  expect(await ended(execute(suggest, "pa", { clock }))).toMatchObject(shed);
  const sixth = execute(checkout, 6, { clock }); // goes through
  await clock.advance(100);
  expect(await Promise.all([...busy, sixth])).toEqual(Array(6).fill("ok"));
  // #endregion
  expect(events.all).toMatchObject([
    { type: "sheddingChanged", name: "maps", shed: ["suggestions"], utilisation: 0.5 },
    { type: "loadShed", name: "maps", level: "suggestions", utilisation: 0.5, retryAfterMs: 1_000 },
  ]);
}

export async function levelOf(): Promise<void> {
  let load = 0;
  // #region levelOf
  const clock = new VirtualClock();
  const shedding = loadShedding({
    levels: [{ name: "retries", shedAt: 0.7 }, { name: "first tries" }],
    levelOf: ({ attempt }) => (attempt > 1 ? "retries" : "first tries"), // inside a retry
    utilisation: () => load,
    hysteresis: 0.2,
    holdFor: "1s",
  });
  // #endregion
  const call = shedding(scripted([answers("ok")]));
  load = 0.9;
  expect(await execute(call, 1, { clock })).toBe("ok");
  expect(shedding.snapshot()).toMatchObject({ utilisation: 0.9, shed: ["retries"] });
  const busy = new Failure("503", { code: "UNAVAILABLE", effect: "none" });
  const again = pipeline(retry({ backoff: fixed("1s"), jitter: "none" }), shedding)(scripted([fails(busy)]));
  const retried = ended(execute(again, 2, { clock }));
  await clock.advance(1_000);
  expect(await retried).toMatchObject({ code: "LOAD_SHED" });
}

export async function comesBack(): Promise<void> {
  // #region back
  const clock = new VirtualClock();
  let load = 0.9;
  const shedding = loadShedding({
    levels: [{ name: "suggestions", shedAt: 0.8 }, { name: "checkout" }],
    utilisation: () => load,
  });
  const suggest = shedding.level("suggestions")(scripted([answers("ok")]));
  const ask = async () => await ended(execute(suggest, "pa", { clock }));

  expect(await ask()).toMatchObject({ code: "LOAD_SHED" });
  load = 0.75; // below the threshold, but not by a tenth
  await clock.advance(10_000);
  expect(await ask()).toMatchObject({ code: "LOAD_SHED" });
  load = 0.6;
  await clock.advance(999);
  expect(await ask()).toMatchObject({ code: "LOAD_SHED" }); // not yet for a second
  await clock.advance(1);
  expect(await ask()).toBe("ok");
  // #endregion
}

export async function reconfigured(): Promise<void> {
  let load = 0;
  const shedding = loadShedding({
    levels: [{ name: "suggestions", shedAt: 0.8 }, { name: "checkout" }],
    utilisation: () => load,
  });
  // #region reconfigure
  shedding.reconfigure({ levels: [{ name: "suggestions", shedAt: 0.6 }, { name: "checkout" }] });
  // #endregion
  load = 0.6;
  await ended(execute(shedding.level("suggestions")(scripted([answers("ok")])), 1));
  expect(shedding.snapshot()).toMatchObject({ shed: ["suggestions"] });
}

/** Ten suggestions come, then one checkout; what the checkout ends with. */
async function tenAndOne(suggesting: Policy, checkingOut: Policy): Promise<unknown> {
  const clock = new VirtualClock();
  const provider = scripted([answers("ok", { after: "1s" })]);
  for (let index = 0; index < 10; index += 1) void ended(execute(suggesting(provider), index, { clock }));
  const checkout = ended(execute(checkingOut(provider), "order-1", { clock }));
  await clock.advance(1_000);
  return await checkout;
}

export async function wrong(): Promise<void> {
  // #region wrong
  // Wrong: the limit knows no difference, so whoever comes last is turned away.
  const slots = bulkhead(10);

  expect(await tenAndOne(slots, slots)).toMatchObject({ code: "LIMIT_REACHED" });
  // #endregion
}

export async function right(): Promise<void> {
  // #region right
  // Right: suggestions leave a fifth of the slots to the others.
  const slots = bulkhead(10);
  const shedding = loadShedding({
    levels: [{ name: "suggestions", shedAt: 0.8 }, { name: "checkout" }],
    utilisation: slots.utilisation,
  });
  const suggesting = pipeline(shedding.level("suggestions"), slots);
  const checkingOut = pipeline(shedding.level("checkout"), slots);

  expect(await tenAndOne(suggesting, checkingOut)).toBe("ok");
  // #endregion
}

export function refused(): void {
  // #region refused
  const levels = [{ name: "suggestions", shedAt: 0.3 }, { name: "checkout" }];
  const make = () => loadShedding({ levels, utilisation: () => 0, hysteresis: 0.3 });

  expect(make).toThrow("its level could never be let through again"); // 0.3 below 0.3 is never
  // #endregion
}
