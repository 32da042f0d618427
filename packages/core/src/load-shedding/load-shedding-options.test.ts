import { expect, test } from "vitest";
import { refusal } from "../../test/refusals.ts";
import { loadShedding } from "../index.ts";

const unit =
  'must be a duration with a unit, such as "250ms" or "3s"; got the number 5: write "5ms" if milliseconds were meant';

const levels = [{ name: "a", shedAt: 0.7 }, { name: "b" }];
const utilisation = (): number => 0;

test.each<[object, string]>([
  [{ levels: [] }, "loadShedding.levels must be a list of levels, the least important first; got an array"],
  [{ levels: [1] }, "loadShedding.levels[0] must be an object; got 1"],
  [{ levels: [{ name: "" }] }, 'loadShedding.levels[0].name must be a non-empty string; got ""'],
  [
    { levels: [{ name: "a", speed: 1 }] },
    "loadShedding.levels[0].speed is not an option; known options: name, shedAt",
  ],
  [{ levels: [{ name: "a", shedAt: 1 }, { name: "a" }] }, 'loadShedding.levels[1].name must not repeat "a"'],
  [
    { levels: [{ name: "a", shedAt: "1" }] },
    'loadShedding.levels[0].shedAt must be a number above 0; got "1"',
  ],
  [
    { levels: [{ name: "a", shedAt: Number.POSITIVE_INFINITY }] },
    "loadShedding.levels[0].shedAt must be a number above 0; got Infinity",
  ],
  [{ levels: [{ name: "a", shedAt: 0 }] }, "loadShedding.levels[0].shedAt must be a number above 0; got 0"],
  [
    { levels: [{ name: "a" }, { name: "b" }] },
    "loadShedding.levels[0].shedAt must be a number above 0; got undefined",
  ],
  [
    {
      levels: [
        { name: "a", shedAt: 1 },
        { name: "b", shedAt: 1 },
      ],
    },
    "loadShedding.levels[1].shedAt must be above that of the level before (1); got 1",
  ],
  [
    { hysteresis: -0.1 },
    "loadShedding.hysteresis must be 0 or more and below the lowest threshold (0.7), or its level could never be let through again; got -0.1",
  ],
  [
    { hysteresis: 0.7 },
    "loadShedding.hysteresis must be 0 or more and below the lowest threshold (0.7), or its level could never be let through again; got 0.7",
  ],
  [
    { hysteresis: "0.1" },
    'loadShedding.hysteresis must be 0 or more and below the lowest threshold (0.7), or its level could never be let through again; got "0.1"',
  ],
  [{ holdFor: 5 }, `loadShedding.holdFor ${unit}`],
  [{ retryAfter: 5 }, `loadShedding.retryAfter ${unit}`],
  [{ utilisation: 5 }, "loadShedding.utilisation must be a function; got 5"],
  [{ levelOf: 5 }, "loadShedding.levelOf must be a function; got 5"],
  [{ name: "" }, 'loadShedding.name must be a non-empty string; got ""'],
  [{ onEvent: 5 }, "loadShedding.onEvent must be a function; got 5"],
  [
    { speed: 1 },
    "loadShedding.speed is not an option; known options: levels, utilisation, levelOf, hysteresis, holdFor, retryAfter, name, onEvent",
  ],
])("a wrong option is refused with its path and the fix: %o", (options, message) => {
  expect(refusal(() => loadShedding({ levels, utilisation, ...options }))).toBe(message);
});

test.each<[object, string]>([
  [
    { speed: 1 },
    "loadShedding.speed is not an option; known options: levels, hysteresis, holdFor, retryAfter",
  ],
  [
    { levels: [{ name: "a", shedAt: 0.5 }] },
    'loadShedding.levels must stay "a", "b"; only thresholds may change',
  ],
  [{ holdFor: 5 }, `loadShedding.holdFor ${unit}`],
])("so is a wrong change, and it changes nothing: %o", (change, message) => {
  const policy = loadShedding({ levels, utilisation });
  const before = policy.snapshot();
  expect(refusal(() => policy.reconfigure(change))).toBe(message);
  expect(policy.snapshot()).toEqual(before);
});

test("the least and the most of every range are accepted", () => {
  for (const options of [
    { hysteresis: 0, holdFor: "0ms", retryAfter: "0ms" },
    { hysteresis: 0.699 },
    { levels: [{ name: "only", shedAt: 1 }] },
    { levels: [{ name: "only" }] },
  ] as const) {
    expect(refusal(() => loadShedding({ levels, utilisation, ...options }))).toBeUndefined();
  }
});
