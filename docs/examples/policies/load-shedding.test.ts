import { execute, loadShedding } from "@outrigger/core";
import { answers, scripted, VirtualClock } from "@outrigger/lab";
import { expect, test } from "vitest";
import { comesBack, levelOf, reconfigured, refused, right, usage, wrong } from "./load-shedding.ts";

test("the less important calls go first, and the important ones get through", usage);
test("a level can be told by the call's context", levelOf);
test("a level comes back when the load was low enough for long enough", comesBack);
test("thresholds may change while calls run", reconfigured);
test("a limit alone turns away whoever comes last", wrong);
test("with levels the slots that are left are for the more important", right);
test("a hysteresis under which a level could never come back is refused", refused);

test("a signal that fails changes nothing, and a call of no level counts as the most important", async () => {
  const clock = new VirtualClock();
  const shedding = loadShedding({
    levels: [{ name: "low", shedAt: 0.5 }, { name: "high" }],
    levelOf: () => "unheard of",
    utilisation: () => {
      throw new Error("no signal");
    },
  });
  const call = scripted([answers("ok")]);
  expect(await execute(shedding.level("low")(call), 1, { clock })).toBe("ok");
  expect(await execute(shedding(call), 1, { clock })).toBe("ok");
  expect(shedding.snapshot()).toMatchObject({
    utilisation: undefined,
    levels: [{ admitted: 1 }, { admitted: 1, shedAt: null }],
  });
});

test("levels come back one at a time, a second each", async () => {
  const clock = new VirtualClock();
  let load = 0.95;
  const shedding = loadShedding({
    levels: [{ name: "a", shedAt: 0.7 }, { name: "b", shedAt: 0.9 }, { name: "c" }],
    utilisation: () => load,
  });
  const call = shedding(scripted([answers("ok")]));
  const shed: (readonly string[])[] = [];
  for (let second = 0; second < 3; second += 1) {
    await execute(call, 1, { clock });
    shed.push(shedding.snapshot().shed);
    load = 0.1;
    await clock.advance(1_000);
  }
  expect(shed).toEqual([["a", "b"], ["a"], []]);
});
