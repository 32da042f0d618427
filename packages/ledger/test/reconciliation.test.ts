import { systemClock } from "@outrigger/core";
import {
  createReconciliation,
  type Finding,
  type ReconciliationOptions,
  type RemoteItem,
  type RemoteRow,
  reportCsv,
  reportHtml,
  statementFile,
} from "@outrigger/ledger";
import { beforeEach, expect, test } from "vitest";
import type { Order, Payment } from "./support/payments.ts";
import { type AnyNode, useAnyShop } from "./support/shop.ts";
import { recordOf, singleProvider } from "./support/single.ts";

const shop = useAnyShop("ledger_reconcile");
const dayMs = 86_400_000;
/** So that today is the last day that is old enough, whatever the time of day. */
const clock = { ...systemClock, wallNow: () => Math.ceil(Date.now() / dayMs) * dayMs + 2 * 3_600_000 };
const today = (): string => new Date().toISOString().slice(0, 10);
/** Midnight may pass during a test. */
const days = (): { from: string; to: string } => ({
  from: new Date(Date.now() - dayMs).toISOString().slice(0, 10),
  to: new Date(Date.now() + dayMs).toISOString().slice(0, 10),
});

let made = 0;
let name = "";
beforeEach(async () => {
  name = `bank${++made}`;
  await shop.database.query("delete from orders");
  await shop.database.query(`delete from ${shop.database.table("operation")}`);
});

type Options = ReconciliationOptions<unknown, Order, Payment>;

function remoteOf(rows: readonly RemoteItem[]): () => AsyncGenerator<readonly RemoteItem[]> {
  return async function* () {
    yield rows;
  };
}

function row(key: string, of: Partial<RemoteRow> = {}): RemoteRow {
  return { key, id: `ch_${key}`, atMs: Date.now(), status: "succeeded", amount: 1, currency: "EUR", ...of };
}

async function reconciliationOf(node: AnyNode, options: Partial<Options> & Pick<Options, "remote">) {
  const reconciliation = createReconciliation<Order, Payment, unknown>(node.ledger, {
    name,
    operation: node.pay,
    local: (order) => ({ amount: order.amount, currency: "EUR" }),
    result: ({ id }) => ({ charge: id }),
    from: today(),
    ...options,
  });
  return reconciliation;
}

function node(provider: object = {}, definition: object = {}): AnyNode {
  return singleProvider(shop, provider, { clock, definition });
}

const input = (id: string): Order => ({ id, amount: 1 });
const classes = (findings: readonly Finding[]): string[] =>
  findings.map((each) => `${each.key} ${each.class}`);

test("every class is told from every other, with counts, exact sums and what was done", async () => {
  const provider = {
    call: async (order: Order) => {
      if (order.id.startsWith("lost")) throw new Error("no answer");
      return { charge: order.id };
    },
    inquire: undefined,
    cancel: undefined,
    capabilities: { idempotencyKey: { window: "1d" }, statements: { delay: "1h" } },
  };
  const one = node(provider, { accept: "detect-only" });
  for (const id of ["same", "other", "missing", "undone", "twice"]) await one.pay.run(input(id), { key: id });
  await one.pay.run(input("lost1"), { key: "lost1" });
  const rows = [
    row("same"),
    row("same"), // shown on two pages
    row("other", { amount: "1.5" }),
    row("undone", { status: "cancelled" }),
    row("twice"),
    row("twice", { id: "ch_again" }),
    row("stranger", { amount: "7.25" }),
    row("lost1"),
    { ...row("bad"), amount: 0.1 + 0.2 },
    { line: 42, problem: "torn" },
  ];
  const reconciliation = await reconciliationOf(one, { remote: remoteOf(rows) });
  await reconciliation.run();
  const report = await reconciliation.report(days());
  expect(classes(report.findings)).toEqual([
    "other amountMismatch",
    "line 42 brokenLine",
    "line 9 brokenLine",
    "missing doneWithoutRemote",
    "twice duplicate",
    "stranger orphanRemote",
    "lost1 remoteWithoutDone",
    "undone statusMismatch",
  ]);
  expect(report.counts).toMatchObject({ matched: 1, brokenLine: 2, duplicate: 1, orphanRemote: 1 });
  // 1 + 1.5 + 1 + 1 + 7.25 + 1 there; same, other, missing, undone and twice here.
  expect(report.currencies).toEqual([{ currency: "EUR", remote: "12.75", local: "5", difference: "7.75" }]);
  expect(await shop.status("lost1")).toBe("paid");
  expect(report.findings.find(({ key }) => key === "lost1")).toMatchObject({
    action: "apply",
    actionState: "done",
    outcome: "applied",
  });
  const record = await recordOf(one, "lost1");
  expect(record?.history.at(-1)?.by).toBe(`reconciliation ${name} ${report.findings[0]?.day}`);
  // Nobody could be asked which is right, so a person is.
  expect((await recordOf(one, "undone"))?.state).toBe("MANUAL");
  // What had no partner may stand in one of the broken lines.
  expect(report.findings.find(({ key }) => key === "missing")).toMatchObject({
    action: "report",
    actionState: "none",
  });

  const html = reportHtml(report);
  expect(html).toContain("<svg");
  expect(html).toContain("prefers-color-scheme: dark");
  expect(html).not.toMatch(/<script|src=|href=/);
  expect(reportCsv(report).split("\r\n")[0]).toBe(
    "day,class,key,cleared,action,action_state,outcome,details",
  );
  expect(JSON.parse(JSON.stringify(report))).toEqual(report);
});

test("a late arrival on the list undoes an effect that nobody wants any more", async () => {
  const one = node();
  shop.a.mode = { charge: "declined" };
  expect(await one.pay.run(input("late"), { key: "late" })).toMatchObject({ status: "abandoned" });
  const reconciliation = await reconciliationOf(one, { remote: remoteOf([row("late")]) });
  await reconciliation.run();
  one.ledger.start();
  await shop.settled(one);
  expect(await recordOf(one, "late")).toMatchObject({ state: "CANCELLED" });
  expect(shop.a.requests).toContain("/cancel late");
  expect(await shop.status("late")).toBe("void");
});

test("a run that ends half way goes on after the last key that is stored, and counts nothing twice", async () => {
  const one = node({ call: async (order: Order) => ({ charge: order.id }) });
  const keys = Array.from({ length: 30 }, (_, index) => `k${String(index).padStart(2, "0")}`);
  for (const key of keys) await one.pay.run(input(key), { key });
  const orphans = Array.from({ length: 1_200 }, (_, index) => row(`x${String(index).padStart(4, "0")}`));
  const rows = [...keys.map((key) => row(key)), ...orphans, { line: 5, problem: "torn" }];
  const { forbid, query, table } = shop.database;
  const allow = await forbid(
    "insert",
    table("reconciliation_finding"),
    `new.name = '${name}' and new.key >= 'x0600' and new.key < 'x0800'`,
  );
  const reconciliation = await reconciliationOf(one, { remote: remoteOf(rows) });
  await expect(reconciliation.run()).rejects.toThrow("no");
  const [half] = await query(`select after_key from ${table("reconciliation")} where name = '${name}'`);
  expect(half?.["after_key"]).toMatch(/^x0[45]/);
  await allow();
  // Another process takes it up.
  const again = await reconciliationOf(node(), { remote: remoteOf(rows) });
  const { days: done } = await again.run();
  expect(done.length).toBeGreaterThan(0);
  const report = await again.report(days());
  expect(report.counts).toMatchObject({ matched: 30, orphanRemote: 1_200, brokenLine: 1 });
  expect(report.currencies).toEqual([{ currency: "EUR", remote: "1230", local: "30", difference: "1200" }]);
  expect(report.findings).toHaveLength(1_201);
  expect(await again.run()).toEqual({ days: [], findings: 0 });
});

test("of two processes the one that took it up last stores its results, and the other stores nothing more", async () => {
  const one = node();
  let release = (): void => {};
  const gate = new Promise<void>((resolve) => {
    release = resolve;
  });
  let asked = (): void => {};
  const waiting = new Promise<void>((resolve) => {
    asked = resolve;
  });
  const slow = await reconciliationOf(one, {
    remote: async function* () {
      asked();
      await gate;
      yield [row("slow")];
    },
  });
  const running = slow.run();
  await waiting;
  const quick = await reconciliationOf(one, { remote: remoteOf([row("quick")]) });
  await quick.run();
  release();
  await expect(running).rejects.toMatchObject({ code: "TAKEN_OVER", effect: "none" });
  expect(classes((await quick.report(days())).findings)).toEqual(["quick orphanRemote"]);
});

test("a list that breaks off stores nothing of its day, and the day is done by the next run", async () => {
  let fails = true;
  const reconciliation = await reconciliationOf(node(), {
    remote: async function* () {
      yield [row("first")];
      if (fails) throw new Error("page 2 answered 503");
      yield [row("second")];
    },
  });
  await expect(reconciliation.run()).rejects.toThrow("page 2 answered 503");
  expect((await reconciliation.report(days())).findings).toEqual([]);
  fails = false;
  await reconciliation.run();
  expect(classes((await reconciliation.report(days())).findings)).toEqual([
    "first orphanRemote",
    "second orphanRemote",
  ]);
});

test("days that are read again replace their results; what is gone is cleared, and what was done is not done again", async () => {
  const done: string[] = [];
  const reconciliation = await reconciliationOf(node(), {
    remote: remoteOf([row("gone"), row("stays", { atMs: Date.parse(`${today()}T12:00:00Z`) })]),
    on: {
      orphanRemote: async ({ key }) => {
        done.push(key);
        return `refunded ${key}`;
      },
    },
  });
  await reconciliation.run();
  expect(done).toEqual(["gone", "stays"]);
  const corrected = remoteOf([row("stays", { atMs: Date.parse(`${today()}T12:00:00Z`) })]);
  await reconciliation.run({ ...days(), remote: corrected });
  const { findings, counts } = await reconciliation.report(days());
  expect(findings).toMatchObject([
    { key: "gone", cleared: true, outcome: "refunded gone" },
    { key: "stays", cleared: false, outcome: "refunded stays" },
  ]);
  expect(counts.orphanRemote).toBe(1);
  expect(done).toEqual(["gone", "stays"]);
});

test("an action that fails is told, keeps nobody else waiting, and is done by the next run", async () => {
  let fails = true;
  const reconciliation = await reconciliationOf(node(), {
    remote: remoteOf([row("a"), row("b")]),
    on: {
      orphanRemote: async ({ key }) => {
        if (key === "a" && fails) throw new Error("refund answered 500");
        return "refunded";
      },
    },
  });
  await reconciliation.run();
  expect((await reconciliation.report(days())).findings).toMatchObject([
    { key: "a", actionState: "pending", outcome: "failed: refund answered 500" },
    { key: "b", actionState: "done", outcome: "refunded" },
  ]);
  fails = false;
  await reconciliation.run();
  expect((await reconciliation.report(days())).findings[0]).toMatchObject({ key: "a", actionState: "done" });
});

test("what is young is left alone, and a day is done only when it is old enough", async () => {
  const one = singleProvider(shop, {});
  const reconciliation = await reconciliationOf(one, { remote: remoteOf([row("new")]), youngFor: "1h" });
  expect(await reconciliation.run()).toEqual({ days: [], findings: 0 });
  await reconciliation.run(days());
  const report = await reconciliation.report(days());
  expect([report.findings, report.counts.young]).toEqual([[], 1]);
});

test("an effect whose operation was created long before the day is no orphan", async () => {
  const one = node();
  await one.pay.run(input("old"), { key: "old" });
  const { query, table, instant } = shop.database;
  await query(`update ${table("operation")} set created_at = ${instant(-40 * dayMs)} where key = 'old'`);
  const reconciliation = await reconciliationOf(one, { remote: remoteOf([row("old")]) });
  await reconciliation.run();
  const { counts, findings } = await reconciliation.report(days());
  expect([counts.matched, findings]).toEqual([1, []]);
});

test("where the provider has one list of keys for the account, the key that was sent is compared", async () => {
  const one = node({
    capabilities: {
      idempotencyKey: { window: "1d", scope: "account" },
      inquiry: {},
      cancel: { blocksLateOriginal: true },
    },
  });
  await one.pay.run(input("acc"), { key: "acc" });
  const reconciliation = await reconciliationOf(one, { remote: remoteOf([row("pay:acc")]) });
  await reconciliation.run();
  const { counts, findings } = await reconciliation.report(days());
  expect([counts.matched, findings]).toEqual([1, []]);
});

test("a settlement file with a broken line is reconciled with the rest of its lines", async () => {
  const one = node();
  await one.pay.run(input("f1"), { key: "f1" });
  const at = new Date().toISOString();
  const file = `order,id,at,amount\nf1,ch_1,${at},1.00\nf2,ch_2,${at},oops\nf3,"ch_3,${at},1\nf4,ch_4,${at},2.00\n`;
  const reconciliation = await reconciliationOf(one, {
    remote: () =>
      statementFile(
        (async function* () {
          yield Buffer.from(file);
        })(),
        { type: "csv" },
        (line) => ({
          key: String(line["order"]),
          id: String(line["id"]),
          atMs: Date.parse(String(line["at"])),
          status: "succeeded",
          amount: String(line["amount"]),
          currency: "EUR",
        }),
      ),
  });
  await reconciliation.run();
  const { findings, counts } = await reconciliation.report(days());
  expect(findings.map(({ key, details }) => [key, details])).toEqual([
    ["line 3", { line: 3, problem: expect.stringContaining('row.amount must be a decimal such as "10.50"') }],
    ["line 4", { line: 4, problem: "a quote is not closed on the line" }],
    ["f4", expect.anything()],
  ]);
  expect(counts.matched).toBe(1);
});

test("what is missing is not acted upon while it may stand in a line that could not be read", async () => {
  const one = node(
    { inquire: undefined, cancel: undefined, capabilities: { idempotencyKey: { window: "1d" } } },
    { accept: "none" },
  );
  await one.pay.run(input("m1"), { key: "m1" });
  const on = { doneWithoutRemote: "apply" } as const;
  const torn = await reconciliationOf(one, { remote: remoteOf([{ line: 1, problem: "torn" }]), on });
  await torn.run();
  expect((await torn.report(days())).findings[1]).toMatchObject({
    key: "m1",
    action: "report",
    outcome: "held back: 1 lines of the day's statement could not be read",
  });
  expect(await recordOf(one, "m1")).toMatchObject({ state: "DONE" });
  await torn.run({ from: today(), to: today(), remote: remoteOf([]) });
  expect(await recordOf(one, "m1")).toMatchObject({ state: "MANUAL" });
});

test("a report shows what strangers wrote as text, never as markup or formula", async () => {
  const reconciliation = await reconciliationOf(node(), {
    remote: remoteOf([row('<img src=x onerror="a">'), row("=HYPERLINK(1)")]),
  });
  await reconciliation.run();
  const report = await reconciliation.report(days());
  expect(reportHtml(report)).not.toContain("<img");
  expect(reportCsv(report)).toContain(",'=HYPERLINK(1),");
});

test("options are refused by name, with what to do", async () => {
  const one = node();
  const make = (options: object) => () =>
    createReconciliation(one.ledger, {
      name: "n",
      operation: one.pay,
      remote: remoteOf([]),
      local: () => ({ amount: 1 }),
      result: () => ({ charge: "c" }),
      from: "2026-11-22",
      ...options,
    });
  expect(make({ from: "2026-02-30" })).toThrow('reconciliation.from must be a day such as "2026-11-22"');
  expect(make({ utcOffset: "+9" })).toThrow('reconciliation.utcOffset must be "Z" or an offset');
  expect(make({ overlap: 3 })).toThrow("reconciliation.overlap");
  expect(make({ overlapp: "1d" })).toThrow("overlap");
  expect(make({ result: undefined })).toThrow("reconciliation.result is missing");
  expect(make({ on: { duplicate: "apply" } })).toThrow("reconciliation.on.duplicate");
  expect(make({ operation: { name: "nobody" } })).toThrow(
    "reconciliation.operation must be one of this ledger's",
  );
  expect(make({ provider: "b" })).toThrow("reconciliation.provider must be one of a");
  expect(() => createReconciliation({} as never, {} as never)).toThrow("ledger must be a ledger");
});
