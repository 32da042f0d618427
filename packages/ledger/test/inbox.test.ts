import { createHmac } from "node:crypto";
import { once } from "node:events";
import { createServer, type Server } from "node:http";
import { type AddressInfo, connect } from "node:net";
import { systemClock } from "@outrigger/core";
import {
  createInbox,
  hmacSignature,
  type Inbox,
  type InboxOptions,
  singleHeader,
  type WebhookEvent,
} from "@outrigger/ledger";
import { afterEach, beforeAll, expect, test } from "vitest";
import { type AnyNode, useAnyShop } from "./support/shop.ts";
import { recordOf, singleProvider } from "./support/single.ts";

const shop = useAnyShop("ledger_inbox");
const secret = "whsec_of_the_test";
const servers: Server[] = [];
const inboxes: Inbox[] = [];
const input = (id: string) => ({ id, amount: 1 });

beforeAll(async () => {
  await shop.database.query("create table seen (event text not null)");
});

afterEach(async () => {
  await Promise.all(inboxes.splice(0).map((inbox) => inbox.stop()));
  for (const server of servers.splice(0)) {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  }
});

interface Sent {
  readonly id: string;
  readonly key?: string;
  readonly type?: "paid" | "failed" | "other";
  readonly at?: number;
}

const verify = hmacSignature({
  secrets: ["the old secret", secret],
  parts(headers) {
    const signature = singleHeader(headers, "x-signature");
    const stamp = singleHeader(headers, "x-timestamp");
    if (signature === undefined || stamp === undefined) return undefined;
    return { signatures: [signature], prefix: `${stamp}.`, signedAtMs: Number(stamp) };
  },
});

function eventOf({ id, key = "", type = "paid", at }: Sent): WebhookEvent | undefined {
  if (type === "other") return undefined;
  return {
    id,
    atMs: at,
    evidence: {
      operation: "pay",
      key,
      learnt: type === "paid" ? { status: "found", result: { charge: `hook ${id}` } } : { status: "refused" },
    },
  };
}

async function inboxOf(
  node: AnyNode,
  options: Partial<InboxOptions<unknown>> = {},
): Promise<{ inbox: Inbox; url: string }> {
  const inbox = createInbox(node.ledger, {
    name: "bank",
    verify,
    read: ({ body }) => eventOf(JSON.parse(Buffer.from(body).toString())),
    pollEvery: "20ms",
    retryFirst: "20ms",
    retryMax: "50ms",
    ...options,
  });
  inboxes.push(inbox);
  const server = createServer((request, response) => void inbox.handler(request, response));
  servers.push(server.listen(0, "127.0.0.1"));
  await once(server, "listening");
  return { inbox, url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/hook` };
}

async function post(
  url: string,
  sent: Sent | string,
  { at = Date.now(), with: key = secret } = {},
): Promise<string> {
  const body = typeof sent === "string" ? sent : JSON.stringify(sent);
  const signature = createHmac("sha256", key).update(`${at}.${body}`).digest("hex");
  const headers = { "x-timestamp": String(at), "x-signature": signature };
  const response = await fetch(url, { method: "POST", body, headers });
  return `${response.status} ${await response.text()}`;
}

/** A payment whose answer was lost, and which nobody asks about by itself. */
async function unknownPayment(key: string): Promise<AnyNode> {
  const node = singleProvider(shop, {
    call: async () => {
      throw new Error("no answer");
    },
  });
  expect(await node.pay.run(input(key), { key })).toMatchObject({ status: "pending" });
  return node;
}

test("a webhook settles what nobody knew, and the same one again is known and changes nothing", async () => {
  const node = await unknownPayment("w1");
  const { inbox, url } = await inboxOf(node);
  inbox.start();
  expect(await post(url, { id: "evt_1", key: "w1" })).toBe("200 OK");
  await expect.poll(() => shop.status("w1")).toBe("paid");
  expect(await post(url, { id: "evt_1", key: "w1" })).toBe("200 OK");
  expect(await Promise.all([1, 2, 3].map(() => post(url, { id: "evt_1", key: "w1" })))).toEqual(
    Array(3).fill("200 OK"),
  );
  await expect.poll(async () => (await inbox.find("evt_1"))?.state).toBe("applied");
  const record = await recordOf(node, "w1");
  expect(record?.history.filter(({ by }) => by === "webhook bank evt_1")).toHaveLength(1);
  const inboxTable = shop.database.table("inbox");
  expect(await shop.database.query(`select id from ${inboxTable} where id = 'evt_1'`)).toHaveLength(1);
});

test("one that came before is known as such, and is not due again", async () => {
  const { inbox } = await inboxOf(await unknownPayment("w12"), { verify: () => undefined });
  const request = { headers: {}, body: Buffer.from(JSON.stringify({ id: "evt_12", key: "w12" })) };
  expect(await inbox.receive(request)).toEqual({ status: 200, outcome: "stored" });
  inbox.start();
  await expect.poll(async () => (await inbox.find("evt_12"))?.state).toBe("applied");
  await inbox.stop();
  expect(await inbox.receive(request)).toEqual({ status: 200, outcome: "known" });
  expect((await inbox.find("evt_12"))?.state).toBe("applied");
});

test("a process that was overtaken while it applied an event changes nothing of the user's", async ({
  skip,
}) => {
  skip(shop.database.isCommit === undefined, "only one transaction at a time writes this database");
  const node = await unknownPayment("w13");
  const applied: string[] = [];
  const { inbox, url } = await inboxOf(node, {
    name: "overtaken",
    apply: (_, { id }) => void applied.push(id),
  });
  const { table, instant } = shop.database;
  const { tx, commit } = await shop.database.begin();
  await shop.database.run(tx, `select id from ${table("operation")} where key = 'w13' for update`);
  inbox.start();
  await post(url, { id: "evt_13", key: "w13" });
  await expect.poll(async () => (await inbox.find("evt_13"))?.tries).toBe(1);
  // As another process does after this one's lease.
  await shop.database.run(
    tx,
    `update ${table("inbox")} set tries = 2, due_at = ${instant(3_600_000)} where id = 'evt_13'`,
  );
  await commit();
  await expect.poll(() => shop.status("w13")).toBe("paid");
  await inbox.stop();
  expect([applied, await inbox.find("evt_13")]).toMatchObject([[], { state: "pending", tries: 2 }]);
});

test("a webhook that comes before its operation is kept, and applied when that appears", async () => {
  const node = singleProvider(shop, {
    call: async () => {
      throw new Error("no answer");
    },
  });
  const { inbox, url } = await inboxOf(node);
  inbox.start();
  expect(await post(url, { id: "evt_2", key: "w2" })).toBe("200 OK");
  await expect.poll(async () => (await inbox.find("evt_2"))?.outcome).toBe('waits for pay "w2"');
  expect((await inbox.open()).map(({ id }) => id)).toContain("evt_2");
  await node.pay.run(input("w2"), { key: "w2" });
  await expect.poll(() => shop.status("w2")).toBe("paid");
  await expect.poll(async () => (await inbox.find("evt_2"))?.outcome).toBe("applied");
});

test("of webhooks that come out of order the later news count", async () => {
  const node = await unknownPayment("w3");
  const { inbox, url } = await inboxOf(node);
  inbox.start();
  expect(await post(url, { id: "evt_3b", key: "w3", at: 2_000 })).toBe("200 OK");
  await expect.poll(() => shop.status("w3")).toBe("paid");
  expect(await post(url, { id: "evt_3a", key: "w3", type: "failed", at: 1_000 })).toBe("200 OK");
  await expect.poll(async () => (await inbox.find("evt_3a"))?.state).toBe("superseded");
  expect(await recordOf(node, "w3")).toMatchObject({ state: "DONE" });
});

test("forged ones are turned away before anything is read or stored", async () => {
  const node = await unknownPayment("w4");
  let reads = 0;
  const { inbox, url } = await inboxOf(node, {
    read: ({ body }) => {
      reads += 1;
      return eventOf(JSON.parse(Buffer.from(body).toString()));
    },
  });
  inbox.start();
  const event = { id: "evt_4", key: "w4" };
  expect(await post(url, event, { with: "another secret" })).toBe("401 forged");
  expect(await post(url, event, { at: Date.now() - 6 * 60_000 })).toBe("401 forged");
  expect(await post(url, event, { at: Date.now() + 6 * 60_000 })).toBe("401 forged");
  expect(await post(url, event, { at: Number.NaN })).toBe("401 forged");
  expect((await fetch(url, { method: "POST", body: JSON.stringify(event) })).status).toBe(401);
  const signed = { "x-timestamp": "1", "x-signature": "zz" };
  expect((await fetch(url, { method: "POST", body: "{}", headers: signed })).status).toBe(401);
  expect([reads, await inbox.find("evt_4"), await shop.status("w4")]).toEqual([0, undefined, "pending"]);
  expect(await post(url, event, { with: "the old secret" })).toBe("200 OK");
});

test("what cannot be read is answered with 400, what is too long with 413, and what is of no interest with 200", async () => {
  const node = singleProvider(shop, {});
  const { inbox, url } = await inboxOf(node, { maxBodyBytes: 1_000 });
  expect(await post(url, "not JSON")).toBe("400 unreadable");
  expect(await post(url, { id: "", key: "k" })).toBe("400 unreadable");
  expect(await post(url, { id: "a\0b", key: "k" })).toBe("400 unreadable");
  expect(await post(url, { id: "evt_5", key: "has a space" })).toBe("400 unreadable");
  expect(await post(url, JSON.stringify({ id: "evt_5", pad: "x".repeat(2_000) }))).toBe("413 tooLarge");
  expect(await post(url, { id: "evt_5", type: "other" })).toBe("200 OK");
  expect(await inbox.find("evt_5")).toBeUndefined();
});

test("a sender that goes away in the middle leaves nothing", async () => {
  const node = singleProvider(shop, {});
  const { inbox } = await inboxOf(node);
  let answered: unknown;
  const server = createServer((request, response) => {
    void inbox.handler(request, response).then((answer) => {
      answered = answer;
    });
  });
  servers.push(server.listen(0, "127.0.0.1"));
  await once(server, "listening");
  const socket = connect((server.address() as AddressInfo).port, "127.0.0.1");
  socket.write('POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 100\r\n\r\n{"id"');
  await once(server, "request");
  socket.destroy();
  await expect.poll(() => answered).toMatchObject({ status: 400, reason: "the request broke off" });
});

test("what is stored is answered at once, and applied by another process after this one has died", async () => {
  const node = await unknownPayment("w6");
  const { url } = await inboxOf(node); // never started: as if it died after the answer
  expect(await post(url, { id: "evt_6", key: "w6" })).toBe("200 OK");
  expect(await shop.status("w6")).toBe("pending");
  const { inbox } = await inboxOf(singleProvider(shop, {}));
  inbox.start();
  await expect.poll(() => shop.status("w6")).toBe("paid");
});

test("a database that is away is answered with 503, so that the provider sends it again", async () => {
  const node = singleProvider(shop, {});
  const { url } = await inboxOf(node);
  const table = shop.database.table("inbox");
  const name = table.split(".").at(-1);
  await shop.database.query(`alter table ${table} rename to ${name}_away`);
  try {
    expect(await post(url, { id: "evt_7", key: "w7" })).toBe("503 failed");
  } finally {
    await shop.database.query(`alter table ${table}_away rename to ${name}`);
  }
  expect(await post(url, { id: "evt_7", key: "w7" })).toBe("200 OK");
});

test("what the user changes happens once for each event, in the commit that marks it, on any number of processes", async () => {
  const failing = new Set(["evt_8_3"]);
  const options: Partial<InboxOptions<unknown>> = {
    name: "own",
    read: ({ body }) => ({
      id: (JSON.parse(Buffer.from(body).toString()) as Sent).id,
      data: { some: "data" },
    }),
    apply: async (tx, event) => {
      await shop.database.run(tx, `insert into seen (event) values ('${event.id}')`);
      if (failing.delete(event.id)) throw new Error("not now");
    },
  };
  const all = await Promise.all([1, 2, 3].map(() => inboxOf(singleProvider(shop, {}), options)));
  for (const { inbox } of all) inbox.start();
  const ids = Array.from({ length: 30 }, (_, index) => `evt_8_${index}`);
  await Promise.all(ids.flatMap((id) => all.slice(0, 2).map(({ url }) => post(url, { id }))));
  await expect
    .poll(async () => (await shop.database.query("select event from seen")).length, { timeout: 20_000 })
    .toBe(30);
  await expect.poll(async () => (await all[0]?.inbox.open())?.length).toBe(0);
  const rows = await shop.database.query("select event from seen");
  expect(rows.map(({ event }) => event).sort()).toEqual([...ids].sort());
});

test("one whose operation never appears is a person's in the end, and can be tried again", async () => {
  const node = singleProvider(shop, {
    call: async () => {
      throw new Error("no answer");
    },
  });
  const { inbox, url } = await inboxOf(node, { giveUpAfter: "50ms" });
  inbox.start();
  await post(url, { id: "evt_9", key: "w9" });
  await expect.poll(async () => (await inbox.find("evt_9"))?.state).toBe("stuck");
  expect(node.events).toContainEqual(
    expect.objectContaining({ type: "webhookFailed", id: "evt_9", givenUp: true }),
  );
  await node.pay.run(input("w9"), { key: "w9" });
  expect(await inbox.retry("evt_9")).toBe(true);
  await expect.poll(() => shop.status("w9")).toBe("paid");
  await expect.poll(() => inbox.retry("evt_9")).toBe(false);
});

test("done events are forgotten after their time, and those that are not done are kept", async () => {
  const node = await unknownPayment("w10");
  const { inbox, url } = await inboxOf(node, { name: "forgetful", keepFor: "1ms" });
  await post(url, { id: "evt_10", key: "w10" });
  await post(url, { id: "evt_11", key: "nobody" });
  await shop.database.query(
    `update ${shop.database.table("inbox")} set state = 'applied', due_at = null,
       settled_at = ${shop.database.instant(-3_600_000)} where id = 'evt_10'`,
  );
  inbox.start();
  await expect.poll(() => inbox.find("evt_10")).toBeUndefined();
  expect(await inbox.find("evt_11")).toMatchObject({ state: "pending" });
});

test("the limits of the tolerance are those that are said", async () => {
  let nowMs = 0;
  const clock = { ...systemClock, wallNow: () => nowMs };
  const check = hmacSignature({
    secrets: [secret],
    encoding: "base64",
    algorithm: "sha512",
    tolerance: "10s",
    clock,
    parts: () => ({
      signatures: ["AAAA", createHmac("sha512", secret).update("p").update("body").digest("base64")],
      prefix: "p",
      signedAtMs: 50_000,
    }),
  });
  const at = async (ms: number): Promise<unknown> => {
    nowMs = ms;
    return await check({ headers: {}, body: Buffer.from("body") });
  };
  expect(await at(40_000)).toBeUndefined();
  expect(await at(60_000)).toBeUndefined();
  expect(await at(39_999)).toContain("too far from now");
  expect(await at(60_001)).toContain("too far from now");
  nowMs = 50_000;
  expect(await check({ headers: {}, body: Buffer.from("Body") })).toContain("not the provider's");
});

test("options are refused by name, and a secret is never shown", () => {
  const parts = (): undefined => undefined;
  expect(() => hmacSignature({ secrets: [], parts })).toThrow("at least one secret");
  expect(() => hmacSignature({ secrets: ["short"], parts })).toThrow(/^(?!.*"short").*at least 8 bytes/);
  expect(() => hmacSignature({ secrets: [undefined as never], parts })).toThrow("hmac.secrets[0]");
  expect(() => hmacSignature({ secrets: [secret], parts, algorithm: "md5" as never })).toThrow(
    "hmac.algorithm",
  );
  expect(() => hmacSignature({ secrets: [secret], parts, tolerance: 5 as never })).toThrow("hmac.tolerance");
  const { ledger } = singleProvider(shop, {});
  const make = (options: object) => () =>
    createInbox(ledger, { name: "n", verify, read: () => undefined, ...options } as never);
  expect(make({ verify: undefined })).toThrow("inbox.verify");
  expect(make({ retryMax: "1ms" })).toThrow("inbox.retryMax");
  expect(make({ name: "" })).toThrow("inbox.name");
  expect(make({ maxBodyByte: 1 })).toThrow("maxBodyByte");
});
