import fc from "fast-check";
import { expect, test } from "vitest";
import { Line } from "./line.ts";
import { WaitQueue } from "./wait-queue.ts";

const plain = { levels: 1, maxOvertakes: 8, maxKeys: 1_000 };

function drain(queue: WaitQueue<string>, newestFirst = false): string {
  let out = "";
  for (let ticket = queue.next(newestFirst); ticket !== undefined; ticket = queue.next(newestFirst)) {
    out += ticket.value;
  }
  return out;
}

/** From the first to the last. */
function valuesOf<T>(line: Line<T>): T[] {
  const values: T[] = [];
  for (let place = line.first; place !== undefined; place = place.after) values.push(place.value);
  return values;
}

test("a value can leave a line from anywhere, once", () => {
  const line = new Line<string>();
  const places = ["a", "b", "c", "d"].map((value) => line.append(value));
  const [a, b, c, d] = places;
  const leave = (place: typeof a): boolean => place !== undefined && line.remove(place);
  expect([leave(b), leave(b), valuesOf(line).join("")]).toEqual([true, false, "acd"]);
  expect([leave(a), line.first?.value, line.size]).toEqual([true, "c", 2]);
  expect([leave(d), line.last?.value, line.size]).toEqual([true, "c", 1]);
  expect([leave(c), line.first, line.last, line.size]).toEqual([true, undefined, undefined, 0]);
  const other = new Line<string>();
  expect([line.remove(other.append("x")), other.size]).toEqual([false, 1]);
  expect(line.remove(undefined)).toBe(false);
});

test("the oldest is next, or the newest", () => {
  const queue = new WaitQueue<string>(plain);
  for (const value of "abcd") queue.add(value, 0);
  expect(queue.next(true)?.value).toBe("d");
  expect(queue.oldest?.value).toBe("a");
  expect([drain(queue), queue.size, queue.next(false), queue.oldest]).toEqual([
    "abc",
    0,
    undefined,
    undefined,
  ]);
});

test("a ticket that has left does not leave again", () => {
  const queue = new WaitQueue<string>(plain);
  const ticket = queue.add("a", 0);
  expect([queue.remove(ticket), queue.remove(ticket), queue.size]).toEqual([true, false, 0]);
});

test("the higher level is next, and within a level the oldest", () => {
  const queue = new WaitQueue<string>({ ...plain, levels: 3 });
  for (const [value, level] of [
    ["a", 0],
    ["b", 2],
    ["c", 1],
    ["d", 2],
  ] as const) {
    queue.add(value, 0, level);
  }
  expect(drain(queue)).toBe("bdca");
});

test("a level that there is none of is the nearest one, and none at all the least important", () => {
  const queue = new WaitQueue<string>({ ...plain, levels: 3 });
  const levels = [-1, 0.9, 1.5, 99, Number.NaN, undefined as never, "2" as never];
  expect(levels.map((level) => queue.add("x", 0, level).level)).toEqual([0, 0, 1, 2, 0, 0, 2]);
});

test("after being passed over as often as allowed, the oldest has its turn", () => {
  const queue = new WaitQueue<string>({ ...plain, levels: 2, maxOvertakes: 3 });
  queue.add("l", 0, 0);
  queue.add("m", 0, 0);
  for (let index = 0; index < 9; index += 1) queue.add("h", 0, 1);
  expect(drain(queue)).toBe("hhhlhhhmhhh");
});

test("whoever has p older waiters before it is served within (p + 1) (maxOvertakes + 1) turns, whatever comes", () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 4 }),
      fc.array(fc.oneof(fc.integer({ min: 0, max: 3 }), fc.constant("next" as const)), { maxLength: 300 }),
      (maxOvertakes, steps) => {
        const queue = new WaitQueue<{ atTurn: number }>({ levels: 4, maxOvertakes, maxKeys: 10 });
        let turn = 0;
        for (const step of [...steps, ...Array<"next">(200).fill("next")]) {
          if (step === "next") {
            const served = queue.next(false);
            if (served === undefined) continue;
            turn += 1;
            expect(turn).toBeLessThanOrEqual(served.value.atTurn);
          } else {
            queue.add({ atTurn: turn + (queue.size + 1) * (maxOvertakes + 1) }, 0, step);
          }
        }
      },
    ),
    { numRuns: 300 },
  );
});

test("keys take turns, however many of one key came first", () => {
  const queue = new WaitQueue<string>(plain);
  for (const value of "aaaabc") queue.add(value, 0, 0, value);
  expect(drain(queue)).toBe("abcaaa");
});

test("a key exists only while somebody waits with it, and keys over the bound share one turn", () => {
  const queue = new WaitQueue<string>({ ...plain, maxKeys: 2 });
  for (const value of "aabbccdd") queue.add(value, 0, 0, value);
  expect(drain(queue)).toBe("abcabcdd");
  for (const value of "ddcc") queue.add(value, 0, 0, value);
  expect(drain(queue)).toBe("dcdc");
});

test("keys that share a turn go on sharing it, and newcomers get their own as soon as there is room", () => {
  const queue = new WaitQueue<string>({ ...plain, maxKeys: 2 });
  const [a, b] = [..."ab"].map((value) => queue.add(value, 0, 0, value));
  for (const value of "ccc") queue.add(value, 0, 0, value);
  if (b !== undefined) queue.remove(b);
  // One of its own and the shared one: no room for another.
  queue.add("d", 0, 0, "d");
  if (a !== undefined) queue.remove(a);
  for (const value of "ee") queue.add(value, 0, 0, value);
  expect(drain(queue)).toBe("cececd");
});

test("nobody is next in an empty queue, the newest neither", () => {
  const queue = new WaitQueue<string>(plain);
  expect([queue.next(false), queue.next(true), queue.displacedBy()]).toEqual([
    undefined,
    undefined,
    undefined,
  ]);
});

test("an aborted waiter takes its key's turn with it only when it was the last of its key", () => {
  const queue = new WaitQueue<string>(plain);
  const tickets = [..."aabb"].map((value) => queue.add(value, 0, 0, value));
  const [first] = tickets;
  if (first !== undefined) queue.remove(first);
  expect(drain(queue)).toBe("abb");
});

test("while the queue is full a more important newcomer displaces the newest of the least important", () => {
  const queue = new WaitQueue<string>({ ...plain, levels: 3 });
  for (const [value, level] of [
    ["a", 1],
    ["b", 0],
    ["c", 0],
    ["d", 1],
  ] as const) {
    queue.add(value, 0, level);
  }
  expect(queue.displacedBy(2)?.value).toBe("c");
  expect(queue.displacedBy(1)?.value).toBe("c");
  expect(queue.displacedBy(0)).toBeUndefined();
});

test("nobody makes room for a newcomer below, and levels without waiters are passed by", () => {
  const queue = new WaitQueue<string>({ ...plain, levels: 3 });
  queue.add("a", 0, 1);
  queue.add("b", 0, 1);
  expect(queue.displacedBy(0)).toBeUndefined();
  expect(queue.displacedBy(2)?.value).toBe("b");
});

test("the key with most waiters makes room wherever it stands, and of two with as many the one that came first", () => {
  const queue = new WaitQueue<string>(plain);
  for (const value of "abbb") queue.add(value, 0, 0, value);
  expect(queue.displacedBy(0, "new")?.key).toBe("b");
  for (const value of "ccc") queue.add(value, 0, 0, value);
  expect(queue.displacedBy(0, "new")?.key).toBe("b");
});

test("while the queue is full a key with few waiters displaces the newest of the key with most, but never swaps", () => {
  const queue = new WaitQueue<string>(plain);
  for (const [value, key] of [
    ["1", "a"],
    ["2", "a"],
    ["3", "a"],
    ["4", "b"],
  ] as const) {
    queue.add(value, 0, 0, key);
  }
  expect(queue.displacedBy(0, "a")).toBeUndefined();
  expect(queue.displacedBy(0, "b")?.value).toBe("3");
  expect(queue.displacedBy(0, "new")?.value).toBe("3");
  const even = new WaitQueue<string>(plain);
  for (const key of ["a", "b"]) even.add(key, 0, 0, key);
  expect(even.displacedBy(0, "new")).toBeUndefined();
});
