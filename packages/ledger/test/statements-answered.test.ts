import { expect, test } from "vitest";
import type { Move, OperationRow } from "../src/store/operation-row.ts";
import type { Store } from "../src/store/store.ts";
import { useAnyShop } from "./support/shop.ts";
import { wait } from "./support/single.ts";
import { found, hour, stored, storeOf, to } from "./support/store.ts";

// What the history says of the end that nearly every operation comes to: where a database keeps it in the row, too.
const shop = useAnyShop("ledger_statements_answered");

const answer: Partial<Move> = { why: "succeeded", result: '"r"' };

async function move(
  store: Store<unknown>,
  row: OperationRow,
  state: Move["to"],
  change: Partial<Move> = answer,
): Promise<OperationRow> {
  const moved = await store.move(store.sql.query, row, to(row, state, change));
  if (moved === undefined) throw new Error("not moved");
  // Times that are kept in milliseconds have to differ.
  await wait(3);
  return moved;
}

const note = { why: "noted", evidence: "e", by: "kim" };
const entries = async (store: Store<unknown>, { id }: OperationRow) => (await store.history([id])).get(id);
const whys = async (store: Store<unknown>, row: OperationRow) =>
  (await entries(store, row))?.map(({ why }) => why);

test("an answer to the first call is an entry with its time, also after more has happened", async () => {
  const store = storeOf(shop);
  const sent = await stored(store, "a1");
  await wait(3);
  const done = await move(store, sent, "DONE");
  const { updatedAt } = await found(store, done);
  const history = await entries(store, done);
  expect(history).toEqual([
    expect.objectContaining({ from: null, to: "SENDING", fence: 1, why: "created", provider: "a" }),
    {
      ...{ at: updatedAt, from: "SENDING", to: "DONE", fence: 1, provider: "a", why: "succeeded" },
      ...{ evidence: null, by: null },
    },
  ]);
  await store.note(done, note);
  const [, again] = (await entries(store, done)) ?? [];
  expect(again).toEqual(history?.[1]);
  // A clock that was set back.
  const events = shop.database.table("operation_event");
  await shop.database.query(
    `update ${events} set at = ${shop.database.instant(-hour)} where operation_id = '${done.id}' and why = 'noted'`,
  );
  await move(store, done, "MANUAL", { why: "strayEffect", personOnly: true });
  expect(await whys(store, done)).toEqual(["created", "succeeded", "noted", "strayEffect"]);
});

test("what was noted before the answer stands before it", async () => {
  const store = storeOf(shop);
  const sent = await stored(store, "a2");
  await wait(3);
  await store.note(sent, note);
  await wait(3);
  const done = await move(store, sent, "DONE");
  await store.note(done, { ...note, why: "noted later" });
  expect(await whys(store, done)).toEqual(["created", "noted", "succeeded", "noted later"]);
});

test("an answer that came another way is told as it was", async () => {
  const store = storeOf(shop);
  const asked = await stored(store, "b1");
  expect(
    await entries(store, await move(store, asked, "DONE", { ...answer, evidence: "seen" })),
  ).toMatchObject([{ why: "created" }, { why: "succeeded", evidence: "seen" }]);
  const told = await stored(store, "b2");
  expect(await entries(store, await move(store, told, "DONE", { ...answer, by: "webhook" }))).toMatchObject([
    { why: "created" },
    { why: "succeeded", by: "webhook" },
  ]);
  const otherwise = await move(store, await stored(store, "b3"), "DONE", { ...answer, why: "found" });
  expect(await whys(store, otherwise)).toEqual(["created", "found"]);
  const second = await move(store, await stored(store, "b4"), "SENDING", { provider: "b", why: "noEffect" });
  expect(await entries(store, await move(store, second, "DONE"))).toMatchObject([
    { to: "SENDING", provider: "a" },
    { from: "SENDING", to: "SENDING", provider: "b" },
    { from: "SENDING", to: "DONE", provider: "b", why: "succeeded" },
  ]);
});

test("a call that a resolver made is told with the resolver's fence", async () => {
  const store = storeOf(shop);
  await stored(store, "c1", { state: "READY", dueInMs: 0 });
  const [claimed] = await store.claim(["pay"], 1, hour, []);
  if (claimed === undefined) throw new Error("nothing was due");
  await wait(3);
  const sending = await move(store, claimed, "SENDING", { why: "claimed" });
  expect(await entries(store, await move(store, sending, "DONE"))).toMatchObject([
    { from: null, to: "READY", fence: 0 },
    { from: "READY", to: "SENDING", fence: 1 },
    { from: "SENDING", to: "DONE", fence: 1, why: "succeeded" },
  ]);
});

test("a lease that was made longer is no reason to lose the entry", async () => {
  const store = storeOf(shop);
  const sent = await stored(store, "d1");
  await wait(3);
  const renewed = await store.renew(sent, hour);
  if (renewed === undefined) throw new Error("not renewed");
  expect(await whys(store, await move(store, renewed, "DONE"))).toEqual(["created", "succeeded"]);
});

test("the entry goes with its operation into the archive and back", async () => {
  const store = storeOf(shop);
  const done = await move(store, await stored(store, "e1"), "DONE");
  await store.note(done, note);
  await wait(3);
  const history = await entries(store, done);
  await store.archiveCopy(undefined, { olderThanMs: 0, limit: 100 });
  await wait(3);
  await store.archiveDrop({ olderThanMs: 0, limit: 100 });
  expect(
    await shop.database.query(`select id from ${shop.database.table("operation")} where id = '${done.id}'`),
  ).toEqual([]);
  expect(await entries(store, done)).toEqual(history);
  expect(await store.archiveRestore(done.id)).toBe(true);
  expect(await entries(store, done)).toEqual(history);
});
