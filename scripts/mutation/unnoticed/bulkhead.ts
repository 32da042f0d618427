import type { Explanation } from "../unnoticed.ts";

const source = "packages/core/src/bulkhead";

export const bulkhead: readonly Explanation[] = [
  {
    file: `${source}/bulkhead-options.ts`,
    line: "if (priorities === undefined) return { levels: 1, maxOvertakes, levelOf: () => 0 };",
    was: "() => 0",
    becomes: "() => undefined",
    why: "WaitQueue.add and displacedBy take level 0 where none is given, and undefined is none.",
  },
  {
    file: `${source}/bulkhead-options.ts`,
    line: 'if (fairness === undefined) return { maxKeys, keyed: false, keyOf: () => "" };',
    was: '() => ""',
    becomes: "() => undefined",
    why: "WaitQueue.add and displacedBy take the empty key where none is given, and undefined is none.",
  },
  {
    file: `${source}/bulkhead-options.ts`,
    line: 'if (fairness === undefined) return { maxKeys, keyed: false, keyOf: () => "" };',
    was: '""',
    becomes: '"Stryker was here!"',
    why: "Without fairness everybody has the same key, and no message, event or snapshot shows it.",
  },
  {
    file: `${source}/codel.ts`,
    line: "#dropped = false;",
    was: "false",
    becomes: "true",
    why: "The first wait is never above the target for a whole interval, so the first question sets it to false.",
  },
  {
    file: `${source}/pace.ts`,
    line: "if (this.#lastMs === undefined || this.#gaps < fewestGaps) return undefined;",
    was: "this.#lastMs === undefined",
    becomes: "false",
    why: "Gaps are counted only once there was a hand-over, so with four of them its time is known; it is asked for the type.",
  },
  {
    file: `${source}/wait-queue.ts`,
    line: "const waiters = this.#nextLevel()?.ring.first?.value.waiters;",
    was: "this.#nextLevel()?.ring.first?.value",
    becomes: "this.#nextLevel()?.ring.first.value",
    why: "A level is next only while somebody waits in it, and then its ring has a first turn; asked for the type.",
  },
  {
    file: `${source}/wait-queue.ts`,
    line: "if (longest !== undefined) return longest.waiters.last?.value;",
    was: "longest.waiters.last?.value",
    becomes: "longest.waiters.last.value",
    why: "remove() deletes a key with its last waiter, so a key that is found has a last one; asked for the type.",
  },
  {
    file: `${source}/wait-queue.ts`,
    line: "return longest !== undefined && longest.waiters.size > mine + 1 ? longest.waiters.last?.value : undefined;",
    was: "longest.waiters.last?.value",
    becomes: "longest.waiters.last.value",
    why: "It has at least two waiters here, so it has a last one; asked for the type.",
  },
  {
    file: `${source}/wait-turn.ts`,
    line: "if (forecastMs !== undefined && forecastMs >= leftMs) {",
    was: "forecastMs !== undefined",
    becomes: "true",
    why: "undefined >= leftMs is false for every number; asked for the type.",
  },
];
