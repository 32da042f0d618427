import { expect, test } from "vitest";
import type { Move, OperationRow } from "../src/store/operation-row.ts";
import type { Store } from "../src/store/store.ts";
import { useAnyShop } from "./support/shop.ts";
import { wait } from "./support/single.ts";
import {
  found,
  fresh,
  hour,
  rowsOf,
  secondsUntil,
  stored,
  storeOf,
  to,
  wantCancel,
} from "./support/store.ts";

// What each statement promises by itself. That all of them together keep a promise is for other tests.
const shop = useAnyShop("ledger_statements");

/** By itself, and beside another one: the two ways in which moves are written. */
const ways = ["alone", "beside another"] as const;

async function moved(
  store: Store<unknown>,
  way: (typeof ways)[number],
  row: OperationRow,
  move: Move,
): Promise<OperationRow | undefined> {
  if (way === "alone") return await store.move(store.sql.query, row, move);
  const other = await stored(store, `beside ${row.key} ${Math.random()}`);
  const rows = await store.moveMany(store.sql.query, [
    { row: other, move: to(other, "UNKNOWN") },
    { row, move },
  ]);
  expect(rows[0]?.state).toBe("UNKNOWN");
  return rows[1];
}

test("a key is stored once, with its lease and the fence of its first worker where it is sent at once", async () => {
  const store = storeOf(shop);
  const [sent, queued] = await store.insertMany(store.sql.query, [
    fresh("i1"),
    fresh("i2", { state: "READY", dueInMs: 0, keyWindowMs: undefined }),
  ]);
  if (sent === undefined || queued === undefined) throw new Error("taken");
  expect(await found(store, sent)).toMatchObject({
    ...{ state: "SENDING", intent: "EXECUTE", fence: 1, attempt: 1, tries: 0, provider: "a" },
    ...{ providers: ["a", "b"], fingerprint: "f", inDoubt: false, abandoned: false },
  });
  expect(secondsUntil(await found(store, sent))).toBeGreaterThan(3_500);
  expect((await found(store, sent)).keyLeftMs).toBeGreaterThan(23 * hour);
  const ready = await found(store, queued);
  expect(ready).toMatchObject({ state: "READY", fence: 0, attempt: 0, sentForMs: 0 });
  expect(ready.keyLeftMs).toBe(Number.NEGATIVE_INFINITY);
  expect(secondsUntil(ready)).toBeLessThanOrEqual(0);

  expect(await store.insert(store.sql.query, fresh("i1", { fingerprint: "g" }))).toBeUndefined();
  const [taken, other, free] = await store.insertMany(store.sql.query, [
    fresh("i1"),
    fresh("i1", { operation: "refund" }),
    fresh("i3"),
  ]);
  expect([taken, other?.operation, free?.key]).toEqual([undefined, "refund", "i3"]);
  expect(await found(store, sent)).toMatchObject({ fingerprint: "f" });
});

test("claimed is what is due, of these operations, oldest first, and not of full providers", async () => {
  const store = storeOf(shop);
  const ready = { state: "READY", dueInMs: 0 } as const;
  const keys = async (limit: number, but: readonly string[] = [], operations = ["c"]): Promise<string[]> =>
    (await store.claim(operations, limit, hour, but)).map(({ key }) => key).sort();
  await stored(store, "later", { ...ready, operation: "c", dueInMs: hour });
  await stored(store, "leased", { operation: "c" });
  for (const key of ["1", "2", "3"]) {
    await stored(store, key, { ...ready, operation: "c" });
    await wait(15);
  }
  await stored(store, "4", { ...ready, operation: "c", providers: ["b"] });
  await stored(store, "other", { ...ready, operation: "d" });
  expect(await keys(8, ["a", "b"])).toEqual([]);
  expect(await keys(8, ["a"])).toEqual(["4"]);
  expect(await keys(2)).toEqual(["1", "2"]);
  expect(await keys(8)).toEqual(["3"]);
  expect(await keys(8)).toEqual([]);
  expect(await keys(8, ["operation d"], ["d"])).toEqual(["other"]);
  await stored(store, "own", { ...ready, operation: "e", providers: ["default"] });
  expect(await keys(8, ["operation e"], ["e"])).toEqual([]);
  expect(await keys(8, ["default"], ["e"])).toEqual(["own"]);
});

test("who claims gets a fence of its own, a lease, and one more try; and may again when the lease is over", async () => {
  const store = storeOf(shop);
  const row = await stored(store, "l1", { operation: "lease", dueInMs: 20 });
  await wait(60);
  const [first] = await store.claim(["lease"], 1, 30, []);
  expect(first).toMatchObject({ id: row.id, state: "SENDING", fence: 2, tries: 1, request: "{}" });
  await wait(80);
  const [second] = await store.claim(["lease"], 1, hour, []);
  expect(second).toMatchObject({ fence: 3, tries: 2 });
  expect(secondsUntil(await found(store, row))).toBeGreaterThan(3_500);
  // What has ended, or waits for a person, is nobody's to claim.
  if (second === undefined) throw new Error("not claimed");
  const ended = await store.move(store.sql.query, second, to(second, "MANUAL"));
  expect(secondsUntil(await found(store, row))).toBeNaN();
  expect(ended?.state).toBe("MANUAL");
  expect(await store.claim(["lease"], 1, hour, [])).toEqual([]);
});

test.each(ways)(
  "%s: a move counts only with the fence, the state and the cancel that its worker knows of",
  async (way) => {
    const store = storeOf(shop);
    const row = await stored(store, `m1 ${way}`);
    const wanted = await stored(store, `m2 ${way}`);
    const nowWanted = await wantCancel(store, wanted);
    for (const [stale, move] of [
      [{ ...row, fence: 2 }, to(row, "UNKNOWN")],
      [{ ...row, fence: 0 }, to(row, "UNKNOWN")],
      [row, to(row, "DONE", { from: "UNKNOWN" })],
      [{ ...row, cancelWantedForMs: 0 }, to(row, "UNKNOWN")],
      [wanted, to(wanted, "UNKNOWN")],
    ] as const) {
      expect(await moved(store, way, stale, move)).toBeUndefined();
    }
    expect(await found(store, row)).toMatchObject({ state: "SENDING", fence: 1 });
    expect(await found(store, wanted)).toMatchObject({ state: "SENDING" });
    expect((await store.history([row.id])).get(row.id)).toHaveLength(1);
    expect(await moved(store, way, nowWanted, to(nowWanted, "UNKNOWN"))).toMatchObject({ state: "UNKNOWN" });
    expect(await moved(store, way, row, to(row, "UNKNOWN"))).toMatchObject({ state: "UNKNOWN", fence: 1 });
  },
);

test.each(ways)("%s: a move writes down what its worker has learnt, and leaves the rest", async (way) => {
  const store = storeOf(shop);
  const row = await stored(store, `w1 ${way}`);
  const unknown = await moved(
    store,
    way,
    row,
    to(row, "UNKNOWN", {
      ...{ inDoubt: true, resendRefused: true, result: '"r"', failure: '"f"', evidence: "e", by: "b" },
      error: { code: "CODE", message: "message" },
    }),
  );
  if (unknown === undefined) throw new Error("not moved");
  const after = await found(store, row);
  expect(after).toMatchObject({
    ...{ state: "UNKNOWN", inDoubt: true, resendRefused: true, result: '"r"', failure: '"f"', attempt: 1 },
    lastError: { code: "CODE", message: "message", tries: 0 },
  });
  expect(secondsUntil(after)).toBeGreaterThan(3_500);
  expect((await store.history([row.id])).get(row.id)).toMatchObject([
    { from: null, to: "SENDING" },
    { from: "SENDING", to: "UNKNOWN", why: "test", evidence: "e", by: "b", fence: 1, provider: "a" },
  ]);
  const cancelling = await moved(
    store,
    way,
    unknown,
    to(unknown, "CANCELLING", { intent: "CANCEL", provider: "b", abandoned: true }),
  );
  if (cancelling === undefined) throw new Error("not moved");
  expect(await found(store, row)).toMatchObject({
    ...{
      state: "CANCELLING",
      intent: "CANCEL",
      provider: "b",
      abandoned: true,
      result: '"r"',
      failure: '"f"',
    },
    lastError: { code: "CODE" },
  });
  await moved(
    store,
    way,
    cancelling,
    to(cancelling, "MANUAL", { personOnly: true, result: '"s"', failure: '"g"' }),
  );
  expect(await found(store, row)).toMatchObject({
    ...{ state: "MANUAL", personOnly: true, result: '"s"', failure: '"g"' },
  });
});

test.each(ways)("%s: a move that is no news leaves no entry, unless somebody said it", async (way) => {
  const store = storeOf(shop);
  const row = await stored(store, `n1 ${way}`);
  const first = await moved(store, way, row, to(row, "UNKNOWN"));
  if (first === undefined) throw new Error("not moved");
  const second = await moved(store, way, first, to(first, "UNKNOWN"));
  if (second === undefined) throw new Error("not moved");
  const entries = async (): Promise<number> => (await store.history([row.id])).get(row.id)?.length ?? 0;
  expect(await entries()).toBe(2);
  await moved(store, way, second, to(second, "UNKNOWN", { by: "kim" }));
  expect(await entries()).toBe(3);
});

test.each(ways)(
  "%s: tries go on while asking and sending again is one effort, and start again with what is new",
  async (way) => {
    const store = storeOf(shop);
    const operation = `tries ${way}`;
    const claimed = async (): Promise<OperationRow> => {
      const [row] = await store.claim([operation], 1, hour, []);
      if (row === undefined) throw new Error("nothing to claim");
      return row;
    };
    const next = async (
      row: OperationRow,
      state: Move["to"],
      change: Partial<Move> = {},
    ): Promise<OperationRow> => {
      const after = await moved(store, way, row, to(row, state, { dueInMs: 0, ...change }));
      if (after === undefined) throw new Error("not moved");
      return after;
    };
    await stored(store, "t1", { operation, dueInMs: 0 });
    const first = await next(await claimed(), "UNKNOWN", { inDoubt: true });
    expect(first.tries).toBe(0);
    const asked = await next(await claimed(), "UNKNOWN");
    expect(asked.tries).toBe(1);
    const again = await next(await claimed(), "SENDING");
    expect(again).toMatchObject({ tries: 2, attempt: 2 });
    const back = await next(await claimed(), "UNKNOWN");
    expect(back.tries).toBe(3);
    const afresh = await next(await claimed(), "UNKNOWN", { afresh: true });
    expect(afresh.tries).toBe(0);
    const cancelling = await next(await claimed(), "CANCELLING", { intent: "CANCEL" });
    expect(cancelling.tries).toBe(0);
    expect((await next(await claimed(), "CANCELLING")).tries).toBe(1);
    // Not in doubt: what is sent to another provider is a new effort.
    await stored(store, "t2", { operation: `${operation} 2`, dueInMs: 0 });
    const [other] = await store.claim([`${operation} 2`], 1, hour, []);
    if (other === undefined) throw new Error("nothing to claim");
    expect((await next(other, "UNKNOWN")).tries).toBe(0);
  },
);

test.each(ways)("%s: times begin with what they are of, and are kept", async (way) => {
  const store = storeOf(shop);
  const next = async (
    row: OperationRow,
    state: Move["to"],
    change: Partial<Move> = {},
  ): Promise<OperationRow> => {
    await wait(400); // Many times what a statement takes, also where it is several.
    const after = await moved(store, way, row, to(row, state, change));
    if (after === undefined) throw new Error("not moved");
    return after;
  };
  const row = await stored(store, `s1 ${way}`);
  const unknown = await next(row, "UNKNOWN", { inDoubt: true, keyWindowMs: hour });
  expect(unknown.sentForMs).toBeGreaterThanOrEqual(350);
  expect(unknown.unknownForMs).toBeLessThan(350);
  // The window of the key is that of the first send.
  expect(unknown.keyLeftMs).toBeGreaterThan(23 * hour);
  const again = await next(unknown, "SENDING", { keyWindowMs: hour });
  expect(again.sentForMs).toBeLessThan(350);
  expect(again.keyLeftMs).toBeGreaterThan(23 * hour);
  const asked = await next(again, "UNKNOWN");
  expect(asked.unknownForMs).toBeGreaterThanOrEqual(700);
  const cancelling = await next(asked, "CANCELLING", { intent: "CANCEL" });
  expect(cancelling.cancellingForMs).toBeLessThan(350);
  expect(cancelling.unknownForMs).toBeGreaterThanOrEqual(1_050);
  const still = await next(cancelling, "CANCELLING");
  expect(still.cancellingForMs).toBeGreaterThanOrEqual(350);
  expect((await next(still, "CANCELLING", { afresh: true })).cancellingForMs).toBeLessThan(350);
  // Another provider, or a first send from the queue, has a window of its own.
  const failed = await stored(store, `s2 ${way}`);
  const elsewhere = await next(failed, "SENDING", { provider: "b", keyWindowMs: hour });
  expect(elsewhere.keyLeftMs).toBeLessThanOrEqual(hour);
  expect(elsewhere.keyLeftMs).toBeGreaterThan(hour - 60_000);
  const queued = await stored(store, `s3 ${way}`, { state: "READY", keyWindowMs: undefined });
  const sent = await next(queued, "SENDING", { keyWindowMs: hour });
  expect(sent.keyLeftMs).toBeGreaterThan(hour - 60_000);
  // It was sent elsewhere before its outcome was unknown.
  expect((await next(elsewhere, "UNKNOWN")).unknownForMs).toBeLessThan(350);
});

test("a lease is renewed only by who has it, and what is sent then is in flight from then on", async () => {
  const store = storeOf(shop);
  const row = await stored(store, "r1", { dueInMs: 40 });
  // Another row has the fence that this one has not.
  await stored(store, "r2", { operation: "renewed", dueInMs: 0 });
  await wait(25);
  expect(await store.claim(["renewed"], 1, hour, [])).toMatchObject([{ fence: 2, state: "SENDING" }]);
  expect(await store.renew({ ...row, fence: 2 }, hour)).toBeUndefined();
  expect(await store.renew({ ...row, state: "UNKNOWN" }, hour)).toBeUndefined();
  expect(secondsUntil(await found(store, row))).toBeLessThan(1);
  const renewed = await store.renew(row, hour);
  expect(renewed?.id).toBe(row.id);
  expect(renewed?.sentForMs).toBeLessThan(20);
  expect(secondsUntil(await found(store, row))).toBeGreaterThan(3_500);
  if (renewed === undefined) throw new Error("not renewed");
  const unknown = await store.move(store.sql.query, renewed, to(renewed, "UNKNOWN"));
  if (unknown === undefined) throw new Error("not moved");
  await wait(25);
  expect((await store.renew(unknown, hour))?.sentForMs).toBeGreaterThanOrEqual(20);
});

test("what is given back is due at once, unless it is somebody else's by then, and has not been tried where it was not begun", async () => {
  const store = storeOf(shop);
  const ready = { operation: "back", state: "READY", dueInMs: 0 } as const;
  for (const key of ["b1", "b2", "b3", "b4"]) await stored(store, key, ready);
  const rows = await store.claim(["back"], 8, hour, []);
  const of = (key: string): OperationRow => rows.find((row) => row.key === key) as OperationRow;
  await store.giveBack([of("b1")], true);
  await store.giveBack([of("b2"), { ...of("b3"), fence: 9 }], false);
  const ended = await store.move(store.sql.query, of("b4"), to(of("b4"), "MANUAL"));
  if (ended === undefined) throw new Error("not moved");
  await store.giveBack([ended], false);
  const due = async (key: string): Promise<number> => secondsUntil(await found(store, of(key)));
  expect(await due("b1")).toBeLessThanOrEqual(0);
  expect(await due("b2")).toBeLessThanOrEqual(0);
  expect(await due("b3")).toBeGreaterThan(3_500);
  expect(await due("b4")).toBeNaN();
  expect([
    await found(store, of("b1")),
    await found(store, of("b2")),
    await found(store, of("b3")),
  ]).toMatchObject([
    { tries: 1, fence: 1 },
    { tries: 0, fence: 1 },
    { tries: 1, fence: 1 },
  ]);
});

test("what is written about one operation leaves every other as it is", async () => {
  const store = storeOf(shop);
  const [row, sending, third, unknown] = [
    await stored(store, "o1"),
    await stored(store, "o2"),
    await stored(store, "o3"),
    await stored(store, "o4"),
  ];
  await moved(store, "alone", unknown, to(unknown, "UNKNOWN"));
  const before = [await rowsOf(shop, sending), await rowsOf(shop, unknown)];
  await store.renew(row, 2 * hour);
  const first = await moved(store, "alone", row, to(row, "UNKNOWN"));
  if (first === undefined) throw new Error("not moved");
  await store.renew(first, 2 * hour);
  await store.giveBack([first], false);
  await store.note(first, { why: "noted", evidence: "e", by: "kim" });
  const again = { to: "UNKNOWN", why: "operatorRetry", reason: "r", by: "kim", wantsCancel: false } as const;
  const retried = await store.intervene(first, again);
  if (retried === undefined) throw new Error("not moved");
  const rows = await store.moveMany(store.sql.query, [
    { row: retried, move: to(retried, "MANUAL") },
    { row: third, move: to(third, "MANUAL") },
  ]);
  expect(rows.map((each) => each?.state)).toEqual(["MANUAL", "MANUAL"]);
  expect([await rowsOf(shop, sending), await rowsOf(shop, unknown)]).toEqual(before);
  const whys = async ({ id }: OperationRow): Promise<readonly string[] | undefined> =>
    (await store.history([id])).get(id)?.map(({ why }) => why);
  expect(await whys(row)).toEqual(["created", "test", "noted", "operatorRetry", "test"]);
  expect([await whys(sending), await whys(unknown)]).toEqual([["created"], ["created", "test"]]);
  expect(await whys(third)).toEqual(["created", "test"]);
});

test("who claims passes over what another is at", async ({ skip }) => {
  skip(shop.database.isCommit === undefined, "only one transaction at a time writes this database");
  const store = storeOf(shop);
  const due = { operation: "held", state: "READY", dueInMs: 0 } as const;
  const held = await stored(store, "h1", due);
  await stored(store, "h2", due);
  const { tx, rollback } = await shop.database.begin();
  const table = shop.database.table("operation");
  await shop.database.run(tx, `select id from ${table} where id = '${held.id}' for update`);
  const claim = store.claim(["held"], 8, hour, []);
  const seen = await Promise.race([claim, wait(5_000).then(() => "it waits")]);
  await rollback();
  await claim.catch(() => {});
  expect(seen).toMatchObject([{ key: "h2" }]);
  expect(await store.claim(["held"], 8, hour, [])).toMatchObject([{ key: "h1" }]);
});

test("what has ended, or waits for a person, has no ages that a worker would look at", async () => {
  const store = storeOf(shop);
  const row = await stored(store, "e1");
  const unknown = await store.move(store.sql.query, row, to(row, "UNKNOWN"));
  await wait(5);
  const manual = unknown && (await store.move(store.sql.query, unknown, to(unknown, "MANUAL")));
  expect(manual).toMatchObject({ sentForMs: 0, unknownForMs: 0, cancellingForMs: 0 });
  expect(manual?.keyLeftMs).toBe(Number.NEGATIVE_INFINITY);
});
