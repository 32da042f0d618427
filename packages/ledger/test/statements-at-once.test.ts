import { expect, test } from "vitest";
import type { Intervention, OperationRow } from "../src/store/operation-row.ts";
import type { Store } from "../src/store/store.ts";
import { useAnyShop } from "./support/shop.ts";
import { wait } from "./support/single.ts";
import { hour, stored, storeOf, to } from "./support/store.ts";

// What each statement promises while another is at the same row.
const shop = useAnyShop("ledger_statements_at_once");
const table = (name: string): string => shop.database.table(name);

/**
 * Holds a row while `work` begins, so that everybody in it has come as far as that row when it is let go.
 *
 * @param change - What is committed of it then.
 */
async function whileHeld<T>(
  { id }: OperationRow,
  from: "operation" | "operation_archive",
  work: () => Promise<T>,
  change?: string,
): Promise<T> {
  const hold =
    change === undefined
      ? `select id from ${table(from)} where id = '${id}' for update`
      : `update ${table(from)} set ${change} where id = '${id}'`;
  // Only one transaction at a time writes this database, so that what is done before is done.
  if (shop.database.isCommit === undefined) {
    if (change !== undefined) await shop.database.query(hold);
    return await work();
  }
  const { tx, commit } = await shop.database.begin();
  await shop.database.run(tx, hold);
  const begun = work();
  // Nothing depends on it but how certainly a statement without its lock would be seen.
  await wait(150);
  await commit();
  return await begun;
}

const retry: Intervention = {
  to: "UNKNOWN",
  why: "operatorRetry",
  reason: "r",
  by: "kim",
  wantsCancel: false,
};

async function unknown(store: Store<unknown>, key: string): Promise<OperationRow> {
  const row = await stored(store, key);
  const moved = await store.move(store.sql.query, row, to(row, "UNKNOWN"));
  if (moved === undefined) throw new Error("not moved");
  return moved;
}

type Write = (store: Store<unknown>, row: OperationRow) => Promise<unknown>;
const moves: Write = (store, row) => store.move(store.sql.query, row, to(row, "MANUAL"));
const intervenes: Write = (store, row) => store.intervene(row, retry);

test.each([
  ["two workers", moves, moves],
  ["two people", intervenes, intervenes],
  ["a worker and a person", moves, intervenes],
] as const)("of %s who write the same row at once, one counts", async (who, first, second) => {
  const store = storeOf(shop);
  const row = await unknown(store, `w ${who}`);
  const written = await whileHeld(row, "operation", () =>
    Promise.all([first(store, row), second(store, row)]),
  );
  expect(written.filter((each) => each !== undefined)).toHaveLength(1);
  expect((await store.history([row.id])).get(row.id)).toHaveLength(3);
});

test("a lease that was lost meanwhile is not renewed", async () => {
  const store = storeOf(shop);
  const row = await unknown(store, "lost");
  expect(
    await whileHeld(row, "operation", () => store.renew(row, hour), "fence = fence + 1"),
  ).toBeUndefined();
});

test("an original that changes while it is about to go stays", async () => {
  const store = storeOf(shop);
  const row = await stored(store, "changes");
  const done = await store.move(store.sql.query, row, to(row, "DONE"));
  if (done === undefined) throw new Error("not moved");
  await wait(3);
  expect(await store.archiveCopy(undefined, { olderThanMs: 0, limit: 100 })).toContain(row.id);
  await shop.database.query(
    `update ${table("operation_archive")} set copied_at = ${shop.database.instant(-hour)} where id = '${row.id}'`,
  );
  const drop = (): Promise<unknown> => store.archiveDrop({ olderThanMs: 1_000, limit: 100 });
  await whileHeld(done, "operation", drop, "fence = fence + 1");
  const [hot] = await shop.database.query(`select state from ${table("operation")} where id = '${row.id}'`);
  expect(hot).toEqual({ state: "DONE" });
});

test("of two who bring the same operation back, one does", async () => {
  const store = storeOf(shop);
  const row = await stored(store, "back");
  await store.move(store.sql.query, row, to(row, "DONE"));
  await wait(3);
  await store.archiveCopy(undefined, { olderThanMs: 0, limit: 100 });
  await shop.database.query(
    `update ${table("operation_archive")} set copied_at = ${shop.database.instant(-hour)} where id = '${row.id}'`,
  );
  await store.archiveDrop({ olderThanMs: 1_000, limit: 100 });
  const restore = (): Promise<boolean> => store.archiveRestore(row.id);
  const back = await whileHeld(row, "operation_archive", () => Promise.all([restore(), restore()]));
  expect(back.toSorted()).toEqual([false, true]);
  expect((await store.history([row.id])).get(row.id)).toHaveLength(2);
});
