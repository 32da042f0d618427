import { VirtualClock } from "@outrigger/lab";
import { expect, test } from "vitest";
import { Gatherer, gatherDefaults } from "./gather.ts";

interface Batch {
  readonly items: readonly string[];
  readonly end: () => Promise<void>;
}

function start(options: Partial<typeof gatherDefaults> = {}) {
  const clock = new VirtualClock();
  const batches: Batch[] = [];
  const gatherer = new Gatherer<string, string>(
    { ...gatherDefaults, lanes: 1, clock, ...options },
    (item) => item.slice(0, 1),
    (items) =>
      new Promise((resolve) => {
        const results = items.map((item) =>
          item.endsWith("!")
            ? ({ status: "rejected", reason: new Error(item) } as const)
            : ({ status: "fulfilled", value: item.toUpperCase() } as const),
        );
        batches.push({
          items,
          end: async () => {
            resolve(results);
            await clock.advance(0);
          },
        });
      }),
  );
  return { clock, batches, gatherer, seen: () => batches.map(({ items }) => items) };
}

test("whoever is alone is written at once, and waits for no timer", async () => {
  const { clock, gatherer, seen } = start();
  void gatherer.add("a");
  await clock.advance(0);
  expect(seen()).toEqual([["a"]]);
  expect(clock.pending).toBe(0);
});

test("whoever comes in one turn, or while a batch is under way, shares the next one", async () => {
  const { clock, gatherer, batches, seen } = start();
  const results = Promise.all(["a", "b"].map((item) => gatherer.add(item)));
  await clock.advance(0);
  const later = Promise.all(["c", "d", "e"].map((item) => gatherer.add(item)));
  await clock.advance(0);
  expect(seen()).toEqual([["a", "b"]]);
  await batches[0]?.end();
  expect(await results).toEqual(["A", "B"]);
  expect(seen()).toEqual([
    ["a", "b"],
    ["c", "d", "e"],
  ]);
  await batches[1]?.end();
  expect(await later).toEqual(["C", "D", "E"]);
  expect(clock.pending).toBe(0);
});

test("each hears what became of its own, and two of one name are never in one batch", async () => {
  const { clock, gatherer, batches, seen } = start();
  const bad = gatherer.add("a!");
  const good = gatherer.add("b");
  const again = gatherer.add("ab");
  await clock.advance(0);
  expect(seen()).toEqual([["a!", "b"]]);
  await Promise.all([expect(bad).rejects.toThrow("a!"), batches[0]?.end()]);
  expect(await good).toBe("B");
  expect(seen()[1]).toEqual(["ab"]);
  await batches[1]?.end();
  expect(await again).toBe("AB");
});

test("a batch holds no more than it may", async () => {
  const { clock, gatherer, batches, seen } = start({ atMost: 2 });
  void gatherer.add("a");
  void gatherer.add("b");
  void gatherer.add("c");
  await clock.advance(0);
  expect(seen()).toEqual([["a", "b"]]);
  await batches[0]?.end();
  expect(seen()[1]).toEqual(["c"]);
});

test("a batch that waits for somebody does not hold up everybody: another lane is opened, up to a bound", async () => {
  const { clock, gatherer, batches, seen } = start({ lanesAtMost: 3 });
  for (const item of ["a", "b", "c", "d"]) {
    void gatherer.add(item);
    await clock.advance(0);
  }
  expect(seen()).toEqual([["a"]]);
  await clock.advance(gatherDefaults.slowMs);
  expect(seen()).toEqual([["a"], ["b", "c", "d"]]);
  void gatherer.add("e");
  await clock.advance(gatherDefaults.slowMs);
  expect(seen()[2]).toEqual(["e"]);
  void gatherer.add("f");
  await clock.advance(10 * gatherDefaults.slowMs);
  expect(batches).toHaveLength(3);
  for (const batch of batches.slice()) await batch.end();
  expect(seen()[3]).toEqual(["f"]);
  // Everything ended: there is one lane again.
  await batches[3]?.end();
  void gatherer.add("g");
  await clock.advance(0);
  void gatherer.add("h");
  await clock.advance(0);
  expect(seen().slice(4)).toEqual([["g"]]);
});

test("a crowd that comes at once is shared out among the lanes that are free, in batches that are worth it", async () => {
  const { clock, gatherer, batches, seen } = start({ lanes: 2, worthwhile: 2 });
  const sizes = (): number[] => seen().map((items) => items.length);
  for (const item of ["a", "b", "c", "d", "e", "f"]) void gatherer.add(item);
  await clock.advance(0);
  expect(sizes()).toEqual([3, 3]);
  for (const item of ["g", "h", "i", "j", "k"]) void gatherer.add(item);
  await clock.advance(0);
  // The lane that comes free takes all: the other one is busy.
  await batches[0]?.end();
  expect(sizes()).toEqual([3, 3, 5]);
  await batches[1]?.end();
  await batches[2]?.end();
  for (const item of ["l", "m", "n"]) void gatherer.add(item);
  await clock.advance(0);
  expect(sizes().slice(3)).toEqual([2, 1]);
});
