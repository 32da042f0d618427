import { VirtualClock } from "@outrigger/lab";
import { expect, test } from "vitest";
import { echo } from "../../test/calls.ts";
import { execute, loadShedding, type PolicyEvent } from "../index.ts";
import { calm, stepShedding } from "./shedding-step.ts";

const levels = [{ name: "background", shedAt: 0.5 }, { name: "normal", shedAt: 0.8 }, { name: "critical" }];

test("a signal that says nothing sensible says nothing, and what was seen last still counts", async () => {
  const clock = new VirtualClock();
  let busy: unknown = 0.6;
  const shedding = loadShedding({ levels, utilisation: () => busy as number });
  const ask = (): Promise<string> =>
    execute(shedding.level("background")(echo), "ok", { clock }).catch((error) => error.code);
  expect(await ask()).toBe("LOAD_SHED");
  for (busy of [Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, "0.1", undefined, null]) {
    await clock.advance(60_000);
    expect(await ask()).toBe("LOAD_SHED");
    expect(shedding.snapshot()).toMatchObject({ utilisation: 0.6, shed: ["background"] });
  }
});

test("without a name the rejection names none", async () => {
  const shedding = loadShedding({ levels, utilisation: () => 0.6 });
  await expect(execute(shedding.level("background")(echo), "")).rejects.toMatchObject({
    message: 'calls of level "background" are shed at a utilisation of 0.6; try again in 1 s',
  });
});

test("what is shed is told when it changes, and not with every call", async () => {
  const clock = new VirtualClock();
  const events: PolicyEvent[] = [];
  const shedding = loadShedding({
    levels,
    utilisation: () => 0.6,
    onEvent: (event) => void events.push(event),
  });
  for (let index = 0; index < 3; index += 1) await execute(shedding(echo), "", { clock });
  expect(events).toEqual([
    { type: "sheddingChanged", name: undefined, shed: ["background"], utilisation: 0.6 },
  ]);
});

test("a call that tells no level, or the least important one, is taken at its word", async () => {
  const shedding = loadShedding({
    levels,
    utilisation: () => 0.6,
    levelOf: ({ key }) => key as string,
  });
  const ask = (key?: string): Promise<string> =>
    execute(shedding(echo), "ok", { key }).catch((error) => error.code);
  expect([await ask("background"), await ask("normal"), await ask()]).toEqual(["LOAD_SHED", "ok", "ok"]);
  expect(shedding.snapshot().levels).toEqual([
    { level: "background", shedAt: 0.5, admitted: 0, rejected: 1 },
    { level: "normal", shedAt: 0.8, admitted: 1, rejected: 0 },
    { level: "critical", shedAt: null, admitted: 1, rejected: 0 },
  ]);
});

test("the state stays the same one while nothing changes, and never falls below calm", () => {
  const rules = { shedAt: [0.5, 0.8], hysteresis: 0.1, holdForMs: 100 };
  expect(stepShedding(calm, 0.1, 1_000, rules)).toBe(calm);
  const shed = stepShedding(calm, 0.9, 1_000, rules);
  expect(shed).toEqual({ shed: 2, busyAtMs: 1_000 });
  expect(stepShedding(shed, 0.1, 1_099, rules)).toBe(shed);
  expect(stepShedding(shed, 0.1, 1_100, rules)).toEqual({ shed: 1, busyAtMs: 1_100 });
  expect(stepShedding(shed, 0.1, 99_000, rules)).toEqual({ shed: 0, busyAtMs: 1_200 });
  expect(stepShedding(shed, -5, 99_000, { ...rules, hysteresis: 0 })).toEqual({ shed: 0, busyAtMs: 1_200 });
});
