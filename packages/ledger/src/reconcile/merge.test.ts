import fc from "fast-check";
import { expect, test } from "vitest";
import type { OperationState } from "../state/transitions.ts";
import { type Classified, classify } from "./classify.ts";
import { sortedByKey } from "./external-sort.ts";
import { mergeByKey } from "./merge.ts";
import type { CheckedRemote, LocalRow, RemoteStatus } from "./rows.ts";

async function* batched<Row>(rows: readonly Row[], size: number): AsyncGenerator<readonly Row[]> {
  for (let index = 0; index < rows.length; index += size) yield rows.slice(index, index + size);
}

async function collect<Row>(batches: AsyncIterable<readonly Row[]>): Promise<Row[]> {
  const all: Row[] = [];
  for await (const batch of batches) all.push(...batch);
  return all;
}

const key = fc.constantFrom("a", "b", "c", "d", "e", "é", "z:1");
const day = { fromAtMs: 100, toAtMs: 200 };
const remoteRow: fc.Arbitrary<CheckedRemote> = fc.record({
  key,
  id: fc.constantFrom("1", "2", "3"),
  atMs: fc.integer({ min: 90, max: 210 }),
  status: fc.constantFrom<RemoteStatus>("succeeded", "refused", "cancelled"),
  amount: fc.constantFrom("1", "2"),
  currency: fc.constantFrom("EUR", "KRW", undefined),
});
const localRow: fc.Arbitrary<LocalRow> = fc
  .record({
    key,
    atMs: fc.integer({ min: 90, max: 210 }),
    state: fc.constantFrom<OperationState>("READY", "UNKNOWN", "DONE", "FAILED", "CANCELLED", "MANUAL"),
    amount: fc.constantFrom("1", "2"),
    currency: fc.constantFrom("EUR", undefined),
  })
  .map((row) => ({ ...row, ledgerKey: row.key }));

/** All in memory, one key at a time, with the rules written out once more. */
function naive(remote: readonly CheckedRemote[], local: readonly LocalRow[], youngFromAtMs: number) {
  const found: string[] = [];
  for (const each of new Set([...remote, ...local].map((row) => row.key))) {
    const byId = new Map(remote.filter((row) => row.key === each).map((row) => [row.id, row]));
    const good = [...byId.values()].filter((row) => row.status === "succeeded");
    const theirs = good.length > 0 ? good : [...byId.values()];
    const top = theirs.toSorted((a, b) => b.atMs - a.atMs)[0];
    const mine = local.find((row) => row.key === each);
    const atMs = top?.atMs ?? mine?.atMs ?? 0;
    if (atMs < day.fromAtMs || atMs >= day.toAtMs) continue;
    const effect = mine?.state === "DONE";
    const nothing = mine?.state === "FAILED" || mine?.state === "CANCELLED";
    const otherMoney =
      top?.amount !== mine?.amount ||
      (top?.currency !== undefined && mine?.currency !== undefined && top.currency !== mine.currency);
    let is: Classified["class"];
    if (atMs >= youngFromAtMs) is = "young";
    else if (good.length > 1) is = "duplicate";
    else if (mine === undefined) is = "orphanRemote";
    else if (top === undefined) is = effect ? "doneWithoutRemote" : nothing ? "absent" : "open";
    else if (good.length === 0) is = nothing ? "matched" : "statusMismatch";
    else if (otherMoney) is = "amountMismatch";
    else is = effect ? "matched" : "remoteWithoutDone";
    found.push(`${each} ${is}`);
  }
  return found.sort();
}

test("two streams, sorted outside of memory, merged and classified, say what a comparison in memory says", async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(remoteRow, { maxLength: 12 }),
      fc.uniqueArray(localRow, { selector: (row) => row.key, maxLength: 7 }),
      fc.integer({ min: 1, max: 5 }),
      fc.integer({ min: 1, max: 5 }),
      fc.constantFrom(150, 1_000),
      async (remote, local, rowsInMemory, size, youngFromAtMs) => {
        const pairs = mergeByKey(
          sortedByKey(batched(remote, size), { rowsInMemory }),
          sortedByKey(batched(local, size), { rowsInMemory }),
        );
        const items = (await collect(pairs)).flatMap(
          (pair) => classify(pair, { range: day, youngFromAtMs }) ?? [],
        );
        expect(items.map((item) => `${item.key} ${item.class}`).sort()).toEqual(
          naive(remote, local, youngFromAtMs),
        );
      },
    ),
    { numRuns: 300 },
  );
});

test("each pair and each row without a partner belongs to exactly one day, however far the days overlap", async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(remoteRow, { maxLength: 8 }),
      fc.uniqueArray(localRow, { selector: (row) => row.key, maxLength: 7 }),
      async (remote, local) => {
        const pairs = await collect(
          mergeByKey(
            sortedByKey(batched(remote, 3), { rowsInMemory: 100 }),
            sortedByKey(batched(local, 3), { rowsInMemory: 100 }),
          ),
        );
        const edges = [0, 100, 150, 200, 300];
        for (const pair of pairs) {
          const days = edges.slice(1).filter((toAtMs, index) => {
            const range = { fromAtMs: edges[index] ?? 0, toAtMs };
            return classify(pair, { range, youngFromAtMs: 1_000 }) !== undefined;
          });
          expect(days).toHaveLength(1);
        }
      },
    ),
  );
});

test("the sort keeps the order of rows with the same key, whichever run they stand in", async () => {
  const rows = Array.from({ length: 5_000 }, (_, index) => ({
    key: `k${index % 7}`,
    index,
    pad: "x".repeat(50),
  }));
  const sorted = await collect(sortedByKey(batched(rows, 100), { rowsInMemory: 300 }));
  expect(sorted).toEqual(
    rows.toSorted((a, b) => (a.key < b.key ? -1 : a.key > b.key ? 1 : a.index - b.index)),
  );
});

test.each([1, 2, 10])(
  "rows longer than a block of the file come back whole, with %i in memory",
  async (held) => {
    const rows = ["c", "a", "b"].map((each) => ({ key: each, text: `${each}한`.repeat(100_000) }));
    expect(await collect(sortedByKey(batched(rows, 1), { rowsInMemory: held }))).toEqual(
      rows.toSorted((a, b) => (a.key < b.key ? -1 : 1)),
    );
  },
);

test("streams that are not sorted, and a local key that comes twice, are refused by name", async () => {
  const local = (each: string): LocalRow => ({
    key: each,
    ledgerKey: each,
    atMs: 1,
    state: "DONE",
    amount: "1",
    currency: undefined,
  });
  const merged = (keys: readonly string[], size: number) =>
    collect(mergeByKey(batched([], 1), batched(keys.map(local), size)));
  await expect(merged(["b", "a"], 2)).rejects.toThrow('local rows are not sorted: "a" comes after "b"');
  await expect(merged(["a", "a"], 1)).rejects.toThrow('the key "a" comes twice');
});

test("a source that breaks off ends the merge with its error, and the other source is let go", async () => {
  let ended = false;
  async function* endless(): AsyncGenerator<readonly LocalRow[]> {
    try {
      for (;;) yield [];
    } finally {
      ended = true;
    }
  }
  // biome-ignore lint/correctness/useYield: it breaks off before its first row.
  async function* broken(): AsyncGenerator<readonly CheckedRemote[]> {
    throw new Error("the list broke off");
  }
  await expect(collect(mergeByKey(broken(), endless()))).rejects.toThrow("the list broke off");
  // It had not begun, so there is nothing to let go of.
  expect(ended).toBe(false);
});
