import { VirtualClock } from "@outrigger/lab";
import fc from "fast-check";
import { expect, test } from "vitest";
import { echo, manual, watch } from "../../test/calls.ts";
import {
  bulkhead,
  execute,
  type LoadShedding,
  type LoadSheddingOptions,
  loadShedding,
  type PolicyEvent,
  pipeline,
} from "../index.ts";
import { planOf } from "../pipeline/plan.ts";
import { calm, type SheddingRules, stepShedding } from "./shedding-step.ts";

const levels = [
  { name: "background", shedAt: 0.7 },
  { name: "normal", shedAt: 0.9 },
  { name: "critical" },
] as const;

function shedder(options: Partial<LoadSheddingOptions> = {}): {
  clock: VirtualClock;
  busy: { utilisation: number };
  shedding: LoadShedding;
  events: PolicyEvent[];
  /** What each level's call ends with: "ok" or the code. */
  ask: () => Promise<string[]>;
} {
  const clock = new VirtualClock();
  const busy = { utilisation: 0 };
  const events: PolicyEvent[] = [];
  const shedding = loadShedding({
    levels,
    utilisation: () => busy.utilisation,
    onEvent: (event) => void events.push(event),
    ...options,
  });
  const call = (level: string): Promise<string> =>
    execute(shedding.level(level)(echo), "ok", { clock }).catch((error) => error.code);
  const ask = (): Promise<string[]> => Promise.all(levels.map(({ name }) => call(name)));
  return { clock, busy, shedding, events, ask };
}

test("levels are shed from the least important on as utilisation rises, exactly at their thresholds", async () => {
  const { busy, shedding, ask } = shedder();
  const shed = "LOAD_SHED";
  for (const [utilisation, expected] of [
    [0.699, ["ok", "ok", "ok"]],
    [0.7, [shed, "ok", "ok"]],
    [0.899, [shed, "ok", "ok"]],
    [0.9, [shed, shed, "ok"]],
    [99, [shed, shed, "ok"]],
  ] as const) {
    busy.utilisation = utilisation;
    expect(await ask()).toEqual(expected);
  }
  expect(shedding.snapshot()).toEqual({
    kind: "loadShedding",
    name: undefined,
    utilisation: 99,
    shed: ["background", "normal"],
    levels: [
      { level: "background", shedAt: 0.7, admitted: 1, rejected: 4 },
      { level: "normal", shedAt: 0.9, admitted: 3, rejected: 2 },
      { level: "critical", shedAt: null, admitted: 5, rejected: 0 },
    ],
  });
});

test("the most important level is shed only when it was given a threshold", async () => {
  const { busy, ask } = shedder({ levels: [...levels.slice(0, 2), { name: "critical", shedAt: 2 }] });
  busy.utilisation = 1.99;
  expect((await ask())[2]).toBe("ok");
  busy.utilisation = 2;
  expect((await ask())[2]).toBe("LOAD_SHED");
});

test("levels come back one at a time, each after its time below its threshold and the hysteresis", async () => {
  const { clock, busy, shedding, ask } = shedder();
  const shed = (): number => shedding.snapshot().shed.length;
  busy.utilisation = 1;
  await ask();
  busy.utilisation = 0.81;
  await clock.advance(60_000);
  await ask();
  expect(shed()).toBe(2);
  busy.utilisation = 0.5;
  await clock.advance(999);
  await ask();
  expect(shed()).toBe(2);
  await clock.advance(1);
  await ask();
  expect(shed()).toBe(1);
  await clock.advance(999);
  await ask();
  expect(shed()).toBe(1);
  await clock.advance(1);
  await ask();
  expect(shed()).toBe(0);
});

test("a level whose return makes it busy again goes at once", async () => {
  const { clock, busy, shedding, ask } = shedder();
  busy.utilisation = 0.7;
  await ask();
  busy.utilisation = 0.1;
  await clock.advance(1_000);
  await ask();
  expect(shedding.snapshot().shed).toEqual([]);
  busy.utilisation = 0.7;
  expect((await ask())[0]).toBe("LOAD_SHED");
});

test("after a long rest the first call is let through, whatever its level", async () => {
  const { clock, busy, ask } = shedder();
  busy.utilisation = 5;
  await ask();
  busy.utilisation = 0;
  await clock.advance(2_000);
  expect((await ask())[0]).toBe("ok");
});

test("a rejection was never sent, says when to come back, and is told to the listener with each change", async () => {
  const { clock, busy, shedding, events } = shedder({ name: "toss", retryAfter: "3s" });
  busy.utilisation = 0.756;
  await expect(execute(shedding.level("background")(echo), "", { clock })).rejects.toMatchObject({
    code: "LOAD_SHED",
    effect: "none",
    kind: "rejected",
    retryAfterMs: 3_000,
    message: 'calls of toss of level "background" are shed at a utilisation of 0.76; try again in 3 s',
  });
  expect(events).toEqual([
    { type: "sheddingChanged", name: "toss", shed: ["background"], utilisation: 0.756 },
    {
      type: "loadShed",
      name: "toss",
      code: "LOAD_SHED",
      level: "background",
      utilisation: 0.756,
      retryAfterMs: 3_000,
    },
  ]);
});

test("a level can be told by the call; one that is unknown, or fails to be told, is the most important", async () => {
  const clock = new VirtualClock();
  const shedding = loadShedding({
    levels,
    utilisation: () => 1,
    levelOf: ({ key }) => {
      if (key === "throw") throw new Error("no level");
      return key;
    },
  });
  const ask = (key?: string): Promise<string> =>
    execute(shedding(echo), "ok", { clock, key }).catch((error) => error.code);
  expect(await ask("normal")).toBe("LOAD_SHED");
  expect(await Promise.all([ask(), ask("other"), ask("throw"), ask("critical")])).toEqual(
    Array(4).fill("ok"),
  );
  expect(planOf(shedding)).toMatchObject({ kind: "gate", policy: "loadShedding" });
});

test("a signal that fails says nothing: what is shed stays shed, what is not is let through", async () => {
  let signal: () => number = () => {
    throw new Error("no signal");
  };
  const { ask } = shedder({ utilisation: () => signal() });
  expect(await ask()).toEqual(["ok", "ok", "ok"]);
  signal = () => 0.8;
  await ask();
  for (const broken of [Number.NaN, undefined, "1"]) {
    signal = () => broken as number;
    expect(await ask()).toEqual(["LOAD_SHED", "ok", "ok"]);
  }
});

test("it sheds by a bulkhead's slots and queue", async () => {
  const clock = new VirtualClock();
  const guard = bulkhead({ limit: 2, queue: { maxWaiting: 4, timeout: "1m" } });
  const shedding = loadShedding({
    levels: [{ name: "background", shedAt: 1 }, { name: "normal", shedAt: 2 }, { name: "critical" }],
    utilisation: guard.utilisation,
  });
  const { call, calls } = manual();
  const send = (level: string): { status: string } =>
    watch(execute(pipeline(shedding.level(level), guard)(call), "", { clock }));
  const started = ["background", "background", "background", "normal", "normal", "normal", "critical"].map(
    send,
  );
  await clock.advance(0);
  expect(started.map(({ status }) => status === "rejected")).toEqual([
    false,
    false,
    true,
    false,
    false,
    true,
    false,
  ]);
  for (let index = 0; index < 5; index += 1) {
    calls[index]?.resolve("");
    await clock.advance(0);
  }
  expect(guard.utilisation()).toBe(0);
});

test("T27: thresholds change while it runs, levels do not", async () => {
  const { busy, shedding, ask } = shedder();
  busy.utilisation = 0.5;
  shedding.reconfigure({
    levels: [{ name: "background", shedAt: 0.3 }, ...levels.slice(1)],
    hysteresis: 0.05,
  });
  expect(await ask()).toEqual(["LOAD_SHED", "ok", "ok"]);
  shedding.reconfigure({ holdFor: "0ms", levels });
  expect(await ask()).toEqual(["ok", "ok", "ok"]);
  expect(() => shedding.reconfigure({ levels: levels.slice(1) })).toThrow("must stay");
  expect(() => shedding.reconfigure({ hysteresis: 5 })).toThrow("loadShedding.hysteresis must be");
  expect(() => shedding.reconfigure({ level: 1 } as never)).toThrow('did you mean "levels"?');
  expect(shedding.snapshot().levels[0]).toMatchObject({ shedAt: 0.7 });
});

test("the step agrees with the story of what was seen, whatever is seen and when", () => {
  const rules: SheddingRules = { shedAt: [0.4, 0.6, 0.8], hysteresis: 0.1, holdForMs: 100 };
  const seen = fc.record({
    waitMs: fc.integer({ min: 0, max: 150 }),
    utilisation: fc.integer({ min: 0, max: 10 }),
  });
  fc.assert(
    fc.property(fc.array(seen, { minLength: 1, maxLength: 400 }), (sights) => {
      let state = calm;
      let nowMs = 0;
      let shed = 0;
      let countingFromMs = 0;
      for (const { waitMs, utilisation: tenths } of sights) {
        nowMs += waitMs;
        const utilisation = tenths / 10;
        state = stepShedding(state, utilisation, nowMs, rules);
        const wanted = rules.shedAt.filter((threshold) => utilisation >= threshold).length;
        const keeps = rules.shedAt.filter((threshold) => utilisation >= threshold - rules.hysteresis).length;
        if (wanted > shed) [shed, countingFromMs] = [wanted, nowMs];
        else if (keeps >= shed) countingFromMs = nowMs;
        else {
          const steps = Math.min(shed - keeps, Math.floor((nowMs - countingFromMs) / rules.holdForMs));
          [shed, countingFromMs] = [shed - steps, countingFromMs + steps * rules.holdForMs];
        }
        expect(state.shed).toBe(shed);
      }
    }),
    { numRuns: 500 },
  );
});

test("wrong options are refused with their path and the fix", () => {
  const utilisation = (): number => 0;
  const making = (options: unknown) => () => loadShedding(options as LoadSheddingOptions);
  expect(making({ levels: [], utilisation })).toThrow("loadShedding.levels must be a list of levels");
  expect(making({ levels: "all", utilisation })).toThrow('got "all"');
  expect(making({ levels, utilisation: 0.5 })).toThrow(
    "loadShedding.utilisation must be a function; got 0.5",
  );
  expect(making({ levels, utilisation, levelOf: "x" })).toThrow("loadShedding.levelOf must be a function");
  expect(making({ levels: [{ name: "a" }, { name: "b" }], utilisation })).toThrow(
    "loadShedding.levels[0].shedAt must be a number above 0; got undefined",
  );
  expect(
    making({
      levels: [
        { name: "a", shedAt: 0.9 },
        { name: "b", shedAt: 0.9 },
      ],
      utilisation,
    }),
  ).toThrow("loadShedding.levels[1].shedAt must be above that of the level before (0.9); got 0.9");
  expect(making({ levels: [levels[0], levels[0]], utilisation })).toThrow('must not repeat "background"');
  expect(making({ levels: [{ name: "", shedAt: 1 }], utilisation })).toThrow("loadShedding.levels[0].name");
  expect(making({ levels: [{ name: "a", shed: 1 }], utilisation })).toThrow('did you mean "shedAt"?');
  expect(making({ levels: [3], utilisation })).toThrow("loadShedding.levels[0] must be an object; got 3");
  expect(making({ levels, utilisation, hysteresis: 0.7 })).toThrow("below the lowest threshold (0.7)");
  expect(making({ levels, utilisation, holdFor: 1 })).toThrow("loadShedding.holdFor must be a duration");
  expect(() => loadShedding({ levels, utilisation }).level("x")).toThrow(
    'loadShedding.level must be one of "background"',
  );
});
