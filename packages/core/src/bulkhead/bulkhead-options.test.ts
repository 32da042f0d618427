import { expect, test } from "vitest";
import { refusal } from "../../test/refusals.ts";
import { type BulkheadOptions, bulkhead } from "../index.ts";

const queue = (options: object): object => ({ limit: 1, queue: { maxWaiting: 1, ...options } });
const codel = (options: object): object => queue({ order: "codel", codel: options });
const unit = 'must be a duration with a unit, such as "250ms" or "3s"; got the number 5: write "5ms" if';

test.each<[object, string]>([
  [{ limit: 1.5 }, "bulkhead.limit must be a whole number, at least 1; got 1.5"],
  [{ limit: 1, retryAfter: 5 }, `bulkhead.retryAfter ${unit} milliseconds were meant`],
  [{ limit: 1, name: "" }, 'bulkhead.name must be a non-empty string; got ""'],
  [{ limit: 1, onEvent: "log" }, 'bulkhead.onEvent must be a function; got "log"'],
  [{ limit: 1, queue: null }, "bulkhead.queue must not be null; write a value or leave it out"],
  [
    { limit: 1, speed: 1 },
    "bulkhead.speed is not an option; known options: limit, queue, retryAfter, name, onEvent",
  ],
  [
    queue({ speed: 1 }),
    "bulkhead.queue.speed is not an option; known options: maxWaiting, timeout, order, codel, priorities, fairness",
  ],
  [queue({ timeout: 5 }), `bulkhead.queue.timeout ${unit} milliseconds were meant`],
  [queue({ order: "any" }), 'bulkhead.queue.order must be one of "fifo", "lifo", "codel"; got "any"'],
  [
    queue({ order: "lifo", codel: {} }),
    'bulkhead.queue.codel counts only with the order "codel"; got order "lifo"',
  ],
  [
    codel({ speed: 1 }),
    "bulkhead.queue.codel.speed is not an option; known options: target, interval, newestFirst",
  ],
  [codel({ target: 5 }), `bulkhead.queue.codel.target ${unit} milliseconds were meant`],
  [codel({ interval: 5 }), `bulkhead.queue.codel.interval ${unit} milliseconds were meant`],
  [
    codel({ target: "9ms", interval: "9ms" }),
    "bulkhead.queue.codel.target must be shorter than the interval (9ms), or a burst would look like a standing " +
      'queue; got "9ms"',
  ],
  [codel({ newestFirst: "no" }), 'bulkhead.queue.codel.newestFirst must be true or false; got "no"'],
  [queue({ priorities: [] }), "bulkhead.queue.priorities must be an object; got an array"],
  [
    queue({ priorities: { speed: 1 } }),
    "bulkhead.queue.priorities.speed is not an option; known options: levels, of, maxOvertakes",
  ],
  [queue({ priorities: { levels: 2, of: 1 } }), "bulkhead.queue.priorities.of must be a function; got 1"],
  [
    queue({ priorities: { levels: 1, of: Number } }),
    "bulkhead.queue.priorities.levels must be a whole number, between 2 and 16; got 1",
  ],
  [
    queue({ priorities: { levels: 2, of: Number, maxOvertakes: 0 } }),
    "bulkhead.queue.priorities.maxOvertakes must be a whole number, at least 1; got 0",
  ],
  [
    queue({ fairness: { speed: 1 } }),
    "bulkhead.queue.fairness.speed is not an option; known options: key, maxKeys",
  ],
  [queue({ fairness: { key: 1 } }), "bulkhead.queue.fairness.key must be a function; got 1"],
  [
    queue({ fairness: { key: String, maxKeys: 0 } }),
    "bulkhead.queue.fairness.maxKeys must be a whole number, at least 1; got 0",
  ],
])("a wrong option is refused with its path and the fix: %o", (options, message) => {
  expect(refusal(() => bulkhead(options as BulkheadOptions))).toBe(message);
});

test.each<[object, string]>([
  [{ speed: 1 }, "bulkhead.speed is not an option; known options: limit, queue, retryAfter"],
  [{ queue: 5 }, "bulkhead.queue must be an object; got 5"],
  [{ queue: { order: "fifo" } }, "bulkhead.queue.order is not an option; known options: maxWaiting, timeout"],
  [
    { queue: { maxWaiting: undefined } },
    "bulkhead.queue.maxWaiting must be a whole number, at least 1; got undefined",
  ],
  [{ limit: 0 }, "bulkhead.limit must be a whole number, at least 1; got 0"],
])("so is a wrong change: %o", (change, message) => {
  const guard = bulkhead({ limit: 1, queue: { maxWaiting: 1 } });
  expect(refusal(() => guard.reconfigure(change as never))).toBe(message);
});

test("a queue that a bulkhead was made without cannot be changed", () => {
  expect(refusal(() => bulkhead(1).reconfigure({ queue: { maxWaiting: 1 } }))).toBe(
    "bulkhead.queue cannot be changed, because the bulkhead was made without a queue",
  );
});

test("the least and the most of every range are accepted", () => {
  for (const options of [
    { limit: 1, retryAfter: "0ms" },
    queue({ timeout: "1ms", priorities: { levels: 2, of: Number, maxOvertakes: 1 } }),
    queue({ priorities: { levels: 16, of: Number }, fairness: { key: String, maxKeys: 1 } }),
    codel({ target: "1ms", interval: "1.001ms", newestFirst: false }),
  ]) {
    expect(refusal(() => bulkhead(options as BulkheadOptions))).toBeUndefined();
  }
});
