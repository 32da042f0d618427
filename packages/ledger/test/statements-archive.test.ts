import { beforeEach, expect, test } from "vitest";
import type { NewOperation, OperationRow } from "../src/store/operation-row.ts";
import type { Store } from "../src/store/store.ts";
import { useAnyShop } from "./support/shop.ts";
import { wait } from "./support/single.ts";
import { found, fresh, hour, stored, storeOf, to } from "./support/store.ts";

// What each statement promises that moves what has ended out of the way, back, and away for ever.
const shop = useAnyShop("ledger_statements_archive");
const now = { olderThanMs: 0, limit: 100 } as const;

/** Each of them looks at all that there is. */
beforeEach(async () => {
  for (const table of ["operation_event", "operation_archive", "operation"]) {
    await shop.database.query(`delete from ${shop.database.table(table)}`);
  }
});

async function ended(
  store: Store<unknown>,
  key: string,
  state: "DONE" | "FAILED" | "CANCELLED" = "DONE",
  change: Partial<NewOperation> = {},
): Promise<OperationRow> {
  const row = await stored(store, key, change);
  const intent = state === "CANCELLED" ? "CANCEL" : "EXECUTE";
  const moved = await store.move(store.sql.query, row, to(row, state, { intent, result: '"r"' }));
  if (moved === undefined) throw new Error("not moved");
  // Times that are kept in milliseconds have to differ.
  await wait(3);
  return { ...row, ...moved };
}

/** As time would. */
async function set(table: string, { id }: OperationRow, change: string): Promise<void> {
  await shop.database.query(`update ${shop.database.table(table)} set ${change} where id = '${id}'`);
}
const copiedAgo = (row: OperationRow, ms: number): Promise<void> =>
  set("operation_archive", row, `copied_at = ${shop.database.instant(-ms)}`);

async function count(table: string, condition: string): Promise<number> {
  const rows = await shop.database.query(
    `select count(*) as n from ${shop.database.table(table)} where ${condition}`,
  );
  return Number(rows[0]?.["n"]);
}
const isHot = async ({ id }: OperationRow): Promise<boolean> =>
  (await count("operation", `id = '${id}'`)) > 0;
const isCopied = async ({ id }: OperationRow): Promise<boolean> =>
  (await count("operation_archive", `id = '${id}'`)) > 0;
const idsOf = (rows: readonly OperationRow[]): readonly string[] => rows.map(({ id }) => id).sort();

/** Copied, and the original gone. */
async function archived(store: Store<unknown>, ...rows: readonly OperationRow[]): Promise<void> {
  await store.archiveCopy(undefined, now);
  for (const row of rows) await copiedAgo(row, hour);
  await store.archiveDrop({ olderThanMs: 1_000, limit: 100 });
  for (const row of rows) expect([await isHot(row), await isCopied(row)]).toEqual([false, true]);
}

test("copied is what has ended, in the order of ids, from this one on and up to the limit", async () => {
  const store = storeOf(shop);
  const rows = [
    await ended(store, "c1", "DONE"),
    await ended(store, "c2", "FAILED"),
    await ended(store, "c3", "CANCELLED"),
  ];
  const open = await stored(store, "open");
  const manual = await stored(store, "manual");
  await store.move(store.sql.query, manual, to(manual, "MANUAL"));
  // Its row is the newest in the table, and the oldest by its id.
  for (const row of rows.slice(0, 1)) await store.note(row, { why: "noted", evidence: "e", by: "kim" });
  await wait(3);
  const ids = idsOf(rows);
  expect(await store.archiveCopy(ids[0], { ...now, limit: 1 })).toEqual(ids.slice(1, 2));
  expect(await store.archiveCopy(undefined, { ...now, limit: 1 })).toEqual(ids.slice(0, 1));
  expect(await store.archiveCopy(undefined, now)).toEqual(ids.slice(2));
  // What was copied is not copied again.
  expect(await store.archiveCopy(undefined, now)).toEqual([]);
  expect([await isCopied(open), await isCopied(manual)]).toEqual([false, false]);
});

test("nothing is copied that was made or changed too short a time ago", async () => {
  const store = storeOf(shop);
  const row = await ended(store, "y1");
  expect(await store.archiveCopy(undefined, { ...now, olderThanMs: hour })).toEqual([]);
  // Made two hours ago, which its id says too, and changed just now.
  const id = "01000000-0000-7000-8000-000000000001";
  const then = shop.database.instant(-2 * hour);
  await set("operation", row, `id = '${id}', created_at = ${then}`);
  expect(await store.archiveCopy(undefined, { ...now, olderThanMs: hour })).toEqual([]);
  await set("operation", { ...row, id }, `updated_at = ${then}`);
  expect(await store.archiveCopy(undefined, { ...now, olderThanMs: hour })).toEqual([id]);
});

test("a copy of one is none of another that changed at the same instant", async () => {
  const store = storeOf(shop);
  const [first, second] = [await ended(store, "i1"), await ended(store, "i2")];
  const table = shop.database.table("operation");
  const at = `(select at from (select updated_at as at from ${table} where id = '${first.id}') as other)`;
  await set("operation", second, `updated_at = ${at}`);
  expect(await store.archiveCopy(undefined, { ...now, limit: 1 })).toEqual(idsOf([first]));
  expect(await store.archiveCopy(undefined, now)).toEqual(idsOf([second]));
});

test("what has changed since it was copied is copied anew, as it is then", async () => {
  const store = storeOf(shop);
  const row = await ended(store, "n1");
  await store.archiveCopy(undefined, now);
  await store.note(row, { why: "noted", evidence: "e", by: "kim" });
  await wait(3);
  expect(await store.archiveCopy(undefined, now)).toEqual([row.id]);
  await copiedAgo(row, hour);
  expect(await store.archiveDrop({ olderThanMs: 1_000, limit: 100 })).toEqual([row.id]);
  expect(await isHot(row)).toBe(false);
  const history = (await store.history([row.id])).get(row.id);
  expect(history?.map(({ why }) => why)).toEqual(["created", "test", "noted"]);
});

test("an original goes when its copy is old enough, the oldest first, with its entries and nobody else's", async () => {
  const store = storeOf(shop);
  const [young, old, oldest, other] = [
    await ended(store, "d1"),
    await ended(store, "d2"),
    await ended(store, "d3"),
    await ended(store, "d4"),
  ];
  await store.archiveCopy(undefined, now);
  const before = await found(store, oldest);
  await copiedAgo(old, 2 * hour);
  await copiedAgo(oldest, 3 * hour);
  await copiedAgo(other, 2 * hour - 1_000);
  expect(await store.archiveDrop({ olderThanMs: hour, limit: 1 })).toEqual([oldest.id]);
  expect([await isHot(oldest), await isHot(old), await isHot(young)]).toEqual([false, true, true]);
  expect(await count("operation_event", `operation_id = '${oldest.id}'`)).toBe(0);
  expect(await count("operation_event", `operation_id = '${old.id}'`)).toBe(1);
  expect(await store.archiveDrop({ olderThanMs: hour, limit: 100 })).toEqual(idsOf([old, other]));
  // What is moved already is not looked at again, and a copy that is too young stays beside its original.
  expect(await store.archiveDrop({ olderThanMs: hour, limit: 100 })).toEqual([]);
  expect([await isHot(young), await isCopied(young)]).toEqual([true, true]);
  const after = await found(store, oldest);
  expect(after).toMatchObject({ ...before, asOf: after.asOf, readAtMs: after.readAtMs });
  expect((await store.history([oldest.id])).get(oldest.id)?.map(({ to }) => to)).toEqual(["SENDING", "DONE"]);
  expect(await store.settled()).toEqual([["DONE", 4]]);
});

test.each(["fence = fence + 1", "state = 'FAILED'", "updated_at = "])(
  "an original that has changed since it was copied stays, and its copy goes: %s",
  async (change) => {
    const store = storeOf(shop);
    const [changed, same] = [await ended(store, "s1"), await ended(store, "s2")];
    await store.archiveCopy(undefined, now);
    for (const row of [changed, same]) await copiedAgo(row, hour);
    await set("operation", changed, change.endsWith("= ") ? change + shop.database.instant(-1_000) : change);
    expect(await store.archiveDrop({ olderThanMs: 1_000, limit: 100 })).toEqual(idsOf([changed, same]));
    expect([await isHot(changed), await isHot(same)]).toEqual([true, false]);
    expect(await count("operation_event", `operation_id = '${changed.id}'`)).toBe(1);
    // On SQLite it goes with the next batch.
    await store.archiveDrop({ olderThanMs: 1_000, limit: 100 });
    expect([await isCopied(changed), await isCopied(same)]).toEqual([false, true]);
  },
);

test("who moves and who forgets passes over what another is at", async ({ skip }) => {
  skip(shop.database.isCommit === undefined, "only one transaction at a time writes this database");
  const store = storeOf(shop);
  const [held, free, long, gone] = [
    await ended(store, "h1"),
    await ended(store, "h2"),
    await ended(store, "h3", "DONE", { keyWindowMs: undefined }),
    await ended(store, "h4", "DONE", { keyWindowMs: undefined }),
  ];
  await archived(store, long, gone);
  await store.archiveCopy(undefined, now);
  for (const row of [held, free]) await copiedAgo(row, hour);
  const { tx, rollback } = await shop.database.begin();
  const table = shop.database.table("operation_archive");
  for (const { id } of [held, long]) {
    await shop.database.run(tx, `select id from ${table} where id = '${id}' for update`);
  }
  const work = Promise.all([
    store.archiveDrop({ olderThanMs: 1_000, limit: 100 }),
    store.archiveForget({ olderThanMs: 0, limit: 100 }),
  ]);
  const seen = await Promise.race([work, wait(5_000).then(() => "it waits")]);
  await rollback();
  await work.catch(() => {});
  expect(seen).toEqual([[free.id], [gone.id]]);
  expect([await isHot(held), await isCopied(held), await isCopied(long)]).toEqual([true, true, true]);
});

test("what was moved is brought back whole, once, and only where there is no original", async () => {
  const store = storeOf(shop);
  const [row, other] = [await ended(store, "r1"), await ended(store, "r2")];
  const before = await found(store, row);
  const history = (await store.history([row.id])).get(row.id);
  await archived(store, row, other);
  const copied = await ended(store, "r3");
  await store.archiveCopy(undefined, now);
  expect(await store.archiveRestore(copied.id)).toBe(false);
  expect((await store.history([copied.id])).get(copied.id)).toHaveLength(2);
  expect(await store.archiveRestore(row.id)).toBe(true);
  expect(await store.archiveRestore(row.id)).toBe(false);
  expect([await isHot(row), await isCopied(row)]).toEqual([true, false]);
  expect([await isHot(other), await isCopied(other), await isCopied(copied)]).toEqual([false, true, true]);
  const after = await found(store, row);
  expect(after).toMatchObject({ ...before, asOf: after.asOf, readAtMs: after.readAtMs });
  expect((await store.history([row.id])).get(row.id)).toEqual(history);
  expect((await store.history([other.id])).get(other.id)).toHaveLength(2);
});

test("forgotten is what was moved long ago and whose key is no longer honoured, the oldest first", async () => {
  const store = storeOf(shop);
  const unbound = { keyWindowMs: undefined };
  const [young, keyed, past, oldest, old] = [
    await ended(store, "f1", "DONE", unbound),
    await ended(store, "f2", "DONE", { keyWindowMs: 2 * hour }),
    await ended(store, "f3", "DONE", { keyWindowMs: 1 }),
    await ended(store, "f4", "DONE", unbound),
    await ended(store, "f5", "DONE", unbound),
  ];
  await archived(store, young, keyed, past, oldest, old);
  const copied = await ended(store, "f6", "DONE", unbound);
  await store.archiveCopy(undefined, now);
  const ages = [
    [keyed, 3],
    [past, 2],
    [oldest, 4],
    [old, 3],
    [copied, 5],
  ] as const;
  for (const [row, hours] of ages) {
    await set("operation_archive", row, `updated_at = ${shop.database.instant(-hours * hour)}`);
  }
  expect(await store.archiveForget({ olderThanMs: hour, limit: 1 })).toEqual([oldest.id]);
  expect(await store.archiveForget({ olderThanMs: hour, limit: 100 })).toEqual(idsOf([past, old]));
  expect(await store.archiveForget({ olderThanMs: hour, limit: 100 })).toEqual([]);
  for (const row of [young, keyed, copied]) expect(await isCopied(row)).toBe(true);
});

test("a key that has moved out of the way is taken, for its operation alone", async () => {
  const store = storeOf(shop);
  const row = await ended(store, "k1");
  await archived(store, row);
  const insert = async (key: string, change: Partial<NewOperation> = {}): Promise<boolean> =>
    (await store.insert(store.sql.query, fresh(key, change))) !== undefined;
  expect(await insert("k1")).toBe(false);
  expect(await insert("k2")).toBe(true);
  expect(await insert("k1", { operation: "refund" })).toBe(true);
  const many = await store.insertMany(store.sql.query, [fresh("k1"), fresh("k3")]);
  expect(many.map((each) => each?.key)).toEqual([undefined, "k3"]);
});
