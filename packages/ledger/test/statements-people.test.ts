import { expect, test } from "vitest";
import { useAnyShop } from "./support/shop.ts";
import { wait } from "./support/single.ts";
import { found, hour, rowsOf, secondsUntil, stored, storeOf, to, wantCancel } from "./support/store.ts";

// What each statement promises by itself that writes what a person, or somebody outside, has said.
const shop = useAnyShop("ledger_statements_people");

test("a person's move counts only with the fence and the state that were seen, and takes the row from its worker", async () => {
  const store = storeOf(shop);
  const row = await stored(store, "p1");
  const unknown = await store.move(
    store.sql.query,
    row,
    to(row, "UNKNOWN", { inDoubt: true, personOnly: false }),
  );
  if (unknown === undefined) throw new Error("not moved");
  const again = { to: "UNKNOWN", why: "operatorRetry", reason: "r", by: "kim", wantsCancel: false } as const;
  // Another row has the fence that this one has not.
  const other = await stored(store, "p1 other");
  const there = await store.move(store.sql.query, other, to(other, "UNKNOWN"));
  expect(there && (await store.intervene(there, again))).toMatchObject({ fence: 2 });
  expect(await store.intervene({ ...unknown, fence: 2 }, again)).toBeUndefined();
  expect(await store.intervene({ ...unknown, state: "CANCELLING" }, again)).toBeUndefined();
  // Nothing is written of what did not count.
  expect((await store.history([row.id])).get(row.id)).toHaveLength(2);
  const retried = await store.intervene(unknown, again);
  expect(retried).toMatchObject({ state: "UNKNOWN", fence: 2, tries: 0, cancelWantedForMs: undefined });
  expect(secondsUntil(await found(store, row))).toBeLessThanOrEqual(0);
  expect(await store.move(store.sql.query, unknown, to(unknown, "DONE"))).toBeUndefined();
  expect((await store.history([row.id])).get(row.id)?.at(-1)).toMatchObject({
    ...{ from: "UNKNOWN", to: "UNKNOWN", why: "operatorRetry", evidence: "r", by: "kim", fence: 2 },
  });
});

test("a call that is under way is left to its worker, which hears of the cancel when it writes", async () => {
  const store = storeOf(shop);
  const row = await stored(store, "p2");
  const wanted = await wantCancel(store, row);
  expect(wanted).toMatchObject({ state: "SENDING", fence: 1 });
  expect(secondsUntil(await found(store, row))).toBeGreaterThan(3_500);
  await wait(25);
  const asked = await wantCancel(store, wanted);
  expect(asked.cancelWantedForMs).toBeGreaterThanOrEqual(20);
});

test("a cancel on request makes the intent one-way, from when it is asked for", async () => {
  const store = storeOf(shop);
  const row = await stored(store, "p3");
  const manual = await store.move(store.sql.query, row, to(row, "MANUAL", { personOnly: true }));
  if (manual === undefined) throw new Error("not moved");
  const cancel = {
    to: "CANCELLING",
    why: "cancelRequested",
    reason: "r",
    by: "kim",
    wantsCancel: true,
  } as const;
  const cancelling = await store.intervene(manual, cancel);
  expect(cancelling).toMatchObject({
    state: "CANCELLING",
    intent: "CANCEL",
    inDoubt: false,
    personOnly: false,
  });
  expect(cancelling?.cancellingForMs).toBeLessThan(1_000);
  const other = await stored(store, "p4");
  const waiting = await store.move(store.sql.query, other, to(other, "MANUAL"));
  if (waiting === undefined) throw new Error("not moved");
  const asked = await store.intervene(waiting, { ...cancel, to: "UNKNOWN", wantsCancel: false });
  expect(asked).toMatchObject({ intent: "EXECUTE", inDoubt: true, cancelWantedForMs: undefined });
  expect(asked?.unknownForMs).toBeLessThan(1_000);
  expect(asked?.cancellingForMs).toBeLessThan(1_000);
});

test("a person's move keeps since when it has been unknown, or is being cancelled, and begins what is new", async () => {
  const store = storeOf(shop);
  const said = { why: "operatorRetry", reason: "r", by: "kim", wantsCancel: false } as const;
  const row = await stored(store, "p5");
  const manual = await store.move(store.sql.query, row, to(row, "MANUAL"));
  if (manual === undefined) throw new Error("not moved");
  await wait(5);
  const unknown = await store.intervene(manual, { ...said, to: "UNKNOWN" });
  if (unknown === undefined) throw new Error("not moved");
  const [first] = await rowsOf(shop, row);
  expect(first?.["unknown_since"]).toEqual(first?.["updated_at"]);
  expect(first).toMatchObject({ cancelling_since: null, cancel_wanted_at: null });
  await wait(5);
  const again = await store.intervene(unknown, { ...said, to: "UNKNOWN" });
  if (again === undefined) throw new Error("not moved");
  expect((await rowsOf(shop, row))[0]?.["unknown_since"]).toEqual(first?.["unknown_since"]);
  await wait(5);
  const cancelling = await store.intervene(again, { ...said, to: "CANCELLING", wantsCancel: true });
  if (cancelling === undefined) throw new Error("not moved");
  const [second] = await rowsOf(shop, row);
  const at = second?.["updated_at"];
  expect(at).not.toEqual(first?.["updated_at"]);
  expect(second).toMatchObject({
    unknown_since: first?.["unknown_since"],
    ...{ cancelling_since: at, cancel_wanted_at: at, retried_at: at, due_at: at },
  });
  await wait(5);
  await store.intervene(cancelling, { ...said, to: "CANCELLING" });
  const [third] = await rowsOf(shop, row);
  expect(third?.["retried_at"]).not.toEqual(at);
  expect(third).toMatchObject({ cancelling_since: at, cancel_wanted_at: at, intent: "CANCEL" });
  const other = await stored(store, "p8");
  const waiting = await store.move(store.sql.query, other, to(other, "MANUAL"));
  if (waiting === undefined) throw new Error("not moved");
  await store.intervene(waiting, { ...said, to: "CANCELLING" });
  expect(await rowsOf(shop, other)).toMatchObject([{ unknown_since: null, cancel_wanted_at: null }]);
});

test("a retry begins to count anew", async () => {
  const store = storeOf(shop);
  const row = await stored(store, "p6", { operation: "retried", dueInMs: 0 });
  await wait(5);
  const [claimed] = await store.claim(["retried"], 1, hour, []);
  if (claimed === undefined) throw new Error("not claimed");
  expect(claimed.tries).toBe(1);
  const manual = await store.move(store.sql.query, claimed, to(claimed, "SENDING", { dueInMs: 0 }));
  expect(manual?.tries).toBe(1);
  const to2 = { to: "UNKNOWN", why: "operatorRetry", reason: "r", by: "kim", wantsCancel: false } as const;
  expect(await store.intervene({ ...claimed, ...manual }, to2)).toMatchObject({ tries: 0 });
  expect(await found(store, row)).toMatchObject({ tries: 0, state: "UNKNOWN" });
});

test("a note changes nothing but the time at which the row was changed", async () => {
  const store = storeOf(shop);
  const row = await stored(store, "p7");
  await wait(5);
  const [before] = await rowsOf(shop, row);
  await store.note(row, { why: "noted", evidence: "e", by: "kim" });
  const [after] = await rowsOf(shop, row);
  expect(after?.["updated_at"]).not.toEqual(before?.["updated_at"]);
  expect({ ...after, updated_at: 0 }).toEqual({ ...before, updated_at: 0 });
  expect((await store.history([row.id])).get(row.id)?.at(-1)).toMatchObject({
    ...{ from: "SENDING", to: "SENDING", why: "noted", evidence: "e", by: "kim", fence: 1, provider: "a" },
  });
});
