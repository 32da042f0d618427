import { Failure } from "@outrigger/core";
import { expect, test } from "vitest";
import { useAnyShop } from "./support/shop.ts";
import { recordOf, singleProvider } from "./support/single.ts";

const shop = useAnyShop("ledger_diagnosis");
const unknown = { notFoundAfter: "0ms", retryFirst: "5ms", retryMax: "10ms", manualAfter: "50ms" } as const;

test("what an inquiry fails with is told, and stands in the record", async () => {
  shop.a.mode = { charge: "replyLost" };
  const long = "x".repeat(900);
  const node = singleProvider(
    shop,
    {
      inquire: async () => {
        throw new Failure(`the key was revoked ${long}`, { code: "HTTP_401", effect: "none" });
      },
    },
    { unknown },
  );
  node.ledger.start();
  await node.pay.run({ id: "d1", amount: 1 }, { key: "d1" });
  await shop.settled(node);
  const told = node.events.find(({ type }) => type === "inquiryEnded");
  expect(told).toMatchObject({
    code: "HTTP_401",
    message: expect.stringMatching(/^the key was revoked x+\.\.\.$/),
  });
  expect((told as { message: string }).message.length).toBeLessThanOrEqual(200);
  const { lastError } = (await recordOf(node, "d1")) ?? {};
  expect(lastError).toMatchObject({
    code: "HTTP_401",
    message: expect.stringMatching(/^the key was revoked/),
  });
  expect(lastError?.tries).toBeGreaterThanOrEqual(5);
  expect(lastError?.at).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z$/);
  for await (const each of node.ledger.export()) {
    if (each.key === "d1") expect(each.lastError).toEqual(lastError);
  }
});

test("what a cancel fails with is told, and stands in the record", async () => {
  let fails = true;
  const node = singleProvider(
    shop,
    {
      cancel: async () => {
        if (!fails) return;
        fails = false;
        throw new Error("socket hang up");
      },
    },
    {
      unknown,
      definition: {
        commit: () => {
          throw new Error("sold out");
        },
      },
    },
  );
  node.ledger.start();
  await node.pay.run({ id: "d2", amount: 1 }, { key: "d2" });
  await shop.settled(node);
  expect(node.events).toContainEqual(
    expect.objectContaining({ type: "cancelEnded", evidence: "cancelFailed", message: "socket hang up" }),
  );
  expect(await recordOf(node, "d2")).toMatchObject({
    state: "CANCELLED",
    lastError: { code: null, message: "socket hang up", tries: 1 },
  });
});

test("what went well has no last error", async () => {
  const node = shop.node();
  await node.pay.run({ id: "d3", amount: 1 }, { key: "d3" });
  expect(await recordOf(node, "d3")).toMatchObject({ state: "DONE", lastError: null });
});

test.each(["no_such_ledger", "ledger_of_old"])(
  "a forgotten migrate is named, with what to call: %s",
  async (schema) => {
    if (schema === "ledger_of_old") {
      const made = shop.node({ schema });
      await made.ledger.migrate();
      const { table, query } = shop.database;
      await query(`alter table ${table("operation", schema)} drop column person_only`);
      await query(`drop table ${table("operation_archive", schema)}`);
    }
    const node = shop.node({ schema });
    const running = node.pay.run({ id: "d4", amount: 1 }, { key: "d4" });
    await expect(running).rejects.toMatchObject({ code: "NOT_MIGRATED", effect: "none", transient: false });
    await expect(running).rejects.toThrow("call await ledger.migrate() first");
    node.ledger.start();
    await expect
      .poll(() => node.events)
      .toContainEqual({ type: "databaseFailed", during: "claim", code: "NOT_MIGRATED" });
    expect(await shop.status("d4")).toBeUndefined();
  },
);
