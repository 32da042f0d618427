import { readFileSync } from "node:fs";
import { DatabaseSync } from "node:sqlite";
import { expect, test } from "vitest";
import type { Move, OperationRow } from "../../src/store/operation-row.ts";
import type { Store } from "../../src/store/store.ts";
import { sqlite } from "../support/databases/sqlite.ts";
import { useAnyShop, useDatabase } from "../support/shop.ts";
import { hour, stored, storeOf, to } from "../support/store.ts";

// The entry that stands in the row, where times are whole milliseconds and tell nothing of an order.
useDatabase(sqlite);
const shop = useAnyShop("ledger_sqlite_answered");

const answer: Partial<Move> = { why: "succeeded", result: '"r"' };
const note = { why: "noted", evidence: "e", by: "kim" };

async function move(
  store: Store<unknown>,
  row: OperationRow,
  state: Move["to"],
  change: Partial<Move>,
): Promise<OperationRow> {
  const moved = await store.move(store.sql.query, row, to(row, state, change));
  if (moved === undefined) throw new Error("not moved");
  return moved;
}

/** As if all of it had happened in one millisecond. */
async function atOnce(): Promise<void> {
  const { database } = shop;
  const times = "created_at = 1000, sent_at = 1000, updated_at = 1000";
  await database.query(
    `update ${database.table("operation")} set ${times}, answered_at = iif(answered_at is null, null, 1000)`,
  );
  await database.query(`update ${database.table("operation_event")} set at = 1000`);
}

async function told(store: Store<unknown>, { id }: OperationRow): Promise<readonly string[] | undefined> {
  return (await store.history([id])).get(id)?.map(({ from, to: next, why }) => `${from} ${next} ${why}`);
}

test("the answer stands between what came before and after it, all in one millisecond", async () => {
  const store = storeOf(shop);
  const sent = await stored(store, "a1");
  await store.note(sent, note);
  await atOnce();
  const done = await move(store, sent, "DONE", answer);
  await store.note(done, note);
  await move(store, done, "MANUAL", { why: "strayEffect", personOnly: true });
  await atOnce();
  expect(await told(store, sent)).toEqual([
    "null SENDING created",
    "SENDING SENDING noted",
    "SENDING DONE succeeded",
    "DONE DONE noted",
    "DONE MANUAL strayEffect",
  ]);
});

test("what a resolver sent in the millisecond in which it was stored began as READY", async () => {
  const store = storeOf(shop);
  await stored(store, "b1", { state: "READY", dueInMs: 0 });
  const [claimed] = await store.claim(["pay"], 1, hour, []);
  if (claimed === undefined) throw new Error("nothing was due");
  const sending = await move(store, claimed, "SENDING", { why: "claimed" });
  await atOnce();
  const done = await move(store, sending, "DONE", answer);
  expect(await told(store, done)).toEqual([
    "null READY created",
    "READY SENDING claimed",
    "SENDING DONE succeeded",
  ]);
});

test("the usual end writes no entry, and the way back to version 1 writes it", async () => {
  const store = storeOf(shop);
  const done = await move(store, await stored(store, "c1"), "DONE", answer);
  const entries = `select from_state, to_state, fence, provider, why, at - (
      select answered_at from outrigger_operation where id = '${done.id}') as late
    from outrigger_operation_event where operation_id = '${done.id}' and why = 'succeeded'`;
  expect(await shop.database.query(entries)).toEqual([]);
  // What came later is told after it, there too.
  await store.note(done, note);
  const before = await told(store, done);
  const db = new DatabaseSync(shop.url);
  const written = { from_state: "SENDING", to_state: "DONE", fence: 1, provider: "a", why: "succeeded" };
  for (const statement of wayBack()) {
    db.exec(statement);
    if (statement.includes("select id, answered_at"))
      expect(db.prepare(entries).get()).toEqual({ ...written, late: 0 });
  }
  db.close();
  const node = shop.node();
  await node.ledger.migrate();
  expect(await told(storeOf(shop), done)).toEqual(before);
});

/** The statements that the documentation gives. */
function wayBack(): readonly string[] {
  const page = readFileSync(new URL("../../../../docs/ledger/sqlite.md", import.meta.url), "utf8");
  const [, fence = ""] = /```sql\n(begin immediate;[^`]*)```/.exec(page) ?? [];
  const statements = fence.split(/(?<=;)\n/).filter((each) => each !== "");
  expect(statements).toHaveLength(9);
  return statements;
}
