import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Provider, startProvider } from "@outrigger/lab";
import { afterAll, beforeAll, expect, test } from "vitest";
import { send } from "./client.ts";

const folder = mkdtempSync(join(tmpdir(), "lab-api-"));
let provider: Provider;

beforeAll(async () => {
  provider = await startProvider({ name: "a", journalPath: join(folder, "deep/journal.ndjson") });
}, 30_000);

afterAll(async () => {
  await provider.stop();
  rmSync(folder, { recursive: true });
});

const charge = (json: unknown, key?: string) =>
  send(`${provider.url}/v1/charges`, { json, headers: key === undefined ? {} : { "idempotency-key": key } })
    .seen;
const cancel = (json: unknown) => send(`${provider.url}/v1/cancels`, { json }).seen;
const inquire = (query: string) => send(`${provider.url}/v1/charges${query}`).seen;

test("an order is charged, found by its id, and cancelled by its key", async () => {
  const order = { orderId: "주문 1/2?&", amount: 1_000, currency: "KRW" };
  const approved = { ...order, chargeId: "a-1", key: "key-1", status: "approved" };
  const query = `?orderId=${encodeURIComponent(order.orderId)}`;
  expect(await charge(order, "key-1")).toMatchObject({ status: 200, body: approved });
  expect(await charge(order, "key-1")).toMatchObject({ status: 200, body: approved });
  expect((await inquire(query)).body).toEqual({ charges: [approved] });
  expect((await inquire("?orderId=nobody")).body).toEqual({ charges: [] });
  const { orderId } = order;
  expect(await cancel({ key: "key-1", orderId })).toMatchObject({
    status: 200,
    body: { status: "cancelled", key: "key-1", orderId, chargeId: "a-1" },
  });
  expect((await inquire(query)).body).toEqual({ charges: [{ ...approved, status: "cancelled" }] });
  expect(await charge(order, "key-1")).toMatchObject({ status: 410, body: { code: "KEY_CANCELLED" } });
});

test("a blocked key is refused when its charge comes, and listed", async () => {
  const order = { orderId: "order-2", amount: 1_000, currency: "KRW" };
  expect((await cancel({ key: "key-2", orderId: "order-2" })).body).toMatchObject({ status: "blocked" });
  expect(await charge(order, "key-2")).toMatchObject({ status: 410, body: { code: "KEY_CANCELLED" } });
  const blocked = await send(`${provider.url}/blocked`).seen;
  expect(JSON.parse(blocked.text ?? "")).toMatchObject({ kind: "blocked", key: "key-2", orderId: "order-2" });
});

test("refusals are problem+json with a code of their own", async () => {
  const order = { orderId: "order-3", amount: 1_000, currency: "KRW" };
  await charge(order, "key-3");
  const reused = await charge({ ...order, amount: 2_000 }, "key-3");
  expect(reused).toMatchObject({ status: 422, body: { code: "KEY_REUSED", status: 422 } });
  expect(reused.headers?.["content-type"]).toBe("application/problem+json");
  expect(await charge({ ...order, amount: 13 }, "key-4")).toMatchObject({
    status: 402,
    body: { code: "CARD_DECLINED", detail: "amounts that end in 13 are declined" },
  });
  expect(await cancel({ key: "key-3", orderId: "order-9" })).toMatchObject({
    status: 422,
    body: { code: "KEY_OF_OTHER_ORDER" },
  });
});

test("the journal has one line per effect, at the API and at the control address", async () => {
  const lines = await provider.journal();
  expect(lines.map(({ kind, key }) => `${kind} ${key}`)).toEqual([
    "charge key-1",
    "cancel key-1",
    "charge key-3",
  ]);
  expect(Object.keys(lines[0] ?? {})).toEqual([
    "at",
    "provider",
    "kind",
    "key",
    "orderId",
    "amount",
    "currency",
  ]);
  const { text, headers } = await send(`${provider.url}/journal`).seen;
  expect(headers?.["content-type"]).toBe("application/x-ndjson");
  expect(text).toBe(lines.map((line) => `${JSON.stringify(line)}\n`).join(""));
  expect((await send(`${provider.controlUrl}/counts`).seen).body).toEqual({
    charges: 2,
    cancels: 1,
    blocked: 1,
  });
});

test("a reader that comes again gets only the lines that are new", async () => {
  const read = (from: number) =>
    send(`${provider.controlUrl}/journal`, { headers: { range: `bytes=${from}-` } }).seen;
  const first = await read(0);
  const length = Buffer.byteLength(first.text ?? "");
  expect([first.status, first.headers?.["content-range"]]).toEqual([206, `bytes 0-${length - 1}/${length}`]);
  expect(await read(length)).toMatchObject({ status: 206, text: "" });
  await charge({ orderId: "order-4", amount: 1_000, currency: "KRW" }, "key-range");
  const added = await read(length);
  expect(JSON.parse(added.text ?? "")).toMatchObject({ kind: "charge", key: "key-range" });
  expect((await read(length + 1_000_000)).text).toBe("");
});

test.each<[string, unknown, string]>([
  ["no amount", { orderId: "o", currency: "KRW" }, "amount must be a whole number, between 1 and"],
  ["a negative amount", { orderId: "o", amount: -5, currency: "KRW" }, "got -5"],
  ["a fraction", { orderId: "o", amount: 1.5, currency: "KRW" }, "got 1.5"],
  ["an amount in a string", { orderId: "o", amount: "100", currency: "KRW" }, 'got "100"'],
  [
    "a strange currency",
    { orderId: "o", amount: 1, currency: "won" },
    "currency must be three capital letters",
  ],
  ["no order", { amount: 1, currency: "KRW" }, "orderId must be 1 to 200 characters"],
  ["an unknown field", { orderId: "o", amuont: 1, currency: "KRW" }, 'did you mean "amount"?'],
  ["an array", [], "the body must be an object"],
])("a charge with %s is refused, names the field, and charges nothing", async (_, body, detail) => {
  const before = await provider.journal();
  const { status, body: problem } = await charge(body, "key-bad");
  expect(status).toBe(400);
  expect(problem).toMatchObject({ code: "INVALID_REQUEST", detail: expect.stringContaining(detail) });
  expect(await provider.journal()).toEqual(before);
});

test.each([["k".repeat(256)], ["two words"], ["schlüssel"], ["anon-1"]])(
  "the key %j is refused",
  async (key) => {
    const { status, body } = await charge({ orderId: "o", amount: 1, currency: "KRW" }, key);
    expect([status, body?.["code"]]).toEqual([400, "INVALID_REQUEST"]);
    expect(body?.["detail"]).toMatch(/^Idempotency-Key must/);
  },
);

test("what is not a request of this API is told so", async () => {
  const at = (path: string, init?: Parameters<typeof send>[1]) => send(`${provider.url}${path}`, init).seen;
  expect(await at("/v1/charges", { text: "{", headers: {} })).toMatchObject({
    status: 400,
    body: { code: "INVALID_JSON" },
  });
  expect(await at("/v1/charges", { text: "a=1", headers: { "content-type": "text/plain" } })).toMatchObject({
    status: 415,
  });
  expect(await at("/v1/charges", { json: { orderId: "x".repeat(20_000) } })).toMatchObject({ status: 413 });
  expect(await at("/v1/refunds")).toMatchObject({ status: 404, body: { code: "NOT_FOUND" } });
  expect(await at("/v1/cancels")).toMatchObject({ status: 405, headers: { allow: "POST" } });
  expect(await at("/v1/charges")).toMatchObject({ status: 400, body: { code: "INVALID_REQUEST" } });
  expect(await at("/v1/cancels", { json: { key: "k" } })).toMatchObject({ status: 400 });
});

test("the control address explains what it takes, and a refused fault changes nothing", async () => {
  const put = (json: unknown) => send(`${provider.controlUrl}/fault`, { method: "PUT", json }).seen;
  const refused = await put({ kind: "broken" });
  expect(refused).toMatchObject({ status: 400, body: { code: "INVALID_FAULT" } });
  expect(refused.body?.["detail"]).toContain('"hangBeforeApply", "applyThenHang"');
  expect((await put({ kind: "slow", delayMs: -1 })).status).toBe(400);
  expect(await provider.fault()).toMatchObject({ kind: "healthy" });
  expect((await put({ kind: "slow", delayMs: 5 })).body).toMatchObject({ kind: "slow", delayMs: 5 });
  await provider.setFault("healthy");
  await expect(provider.setFault({ kind: "slow", delayMs: -1 })).rejects.toThrow(
    "delayMs must be a whole number",
  );
});

test("options that cannot be meant are refused before anything is started", async () => {
  const start = (options: object) => startProvider(options as Parameters<typeof startProvider>[0]);
  await expect(start({ name: "a", jurnalPath: "x" })).rejects.toThrow('did you mean "journalPath"?');
  await expect(start({ name: "", journalPath: "x" })).rejects.toThrow(
    "provider.name must be a non-empty string",
  );
  await expect(start({ name: "a", journalPath: "x", port: 70_000 })).rejects.toThrow("provider.port must be");
});
