import { appendFileSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Provider, startProvider } from "@outrigger/lab";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { send } from "./client.ts";

vi.setConfig({ testTimeout: 30_000, hookTimeout: 30_000 });

const order = { orderId: "order-1", amount: 1_000, currency: "KRW" };
let folder: string;
let journalPath: string;
let provider: Provider;

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), "lab-restart-"));
  journalPath = join(folder, "journal.ndjson");
  provider = await startProvider({ name: "a", journalPath });
});

afterEach(async () => {
  await provider.stop();
  rmSync(folder, { recursive: true });
});

const charge = (key: string, json: object = order) =>
  send(`${provider.url}/v1/charges`, { json, headers: { "idempotency-key": key } }).seen;
const cancel = (key: string) =>
  send(`${provider.url}/v1/cancels`, { json: { key, orderId: "order-1" } }).seen;

test.each(["stop", "kill"] as const)(
  "after a %s the provider knows its charges, keys and blocked keys, at its old address",
  async (end) => {
    const charged = await charge("key-1");
    await charge("key-2");
    await cancel("key-2");
    await cancel("key-3");
    const before = await provider.journal();
    const { url, controlUrl, pid } = provider;
    await provider[end]();

    provider = await startProvider({
      name: "a",
      journalPath,
      port: Number(new URL(url).port),
      controlPort: Number(new URL(controlUrl).port),
    });
    expect([provider.url, provider.controlUrl]).toEqual([url, controlUrl]);
    expect(provider.pid).not.toBe(pid);
    expect((await charge("key-1")).body).toEqual(charged.body);
    expect((await charge("key-1", { ...order, amount: 5 })).status).toBe(422);
    expect((await charge("key-2")).status).toBe(410);
    expect((await charge("key-3")).status).toBe(410);
    expect((await cancel("key-2")).body).toMatchObject({ status: "cancelled" });
    expect(await provider.journal()).toEqual(before);
  },
);

test("a line that the crash has torn is no charge, and the next charge follows cleanly", async () => {
  await charge("key-1");
  await provider.kill();
  appendFileSync(
    journalPath,
    '{"at":"2026-01-01T00:00:00.000Z","provider":"a","kind":"charge","key":"key-2","ord',
  );
  provider = await startProvider({ name: "a", journalPath });
  expect((await charge("key-2")).body).toMatchObject({ chargeId: "a-2", key: "key-2" });
  expect((await provider.journal()).map((line) => line.key)).toEqual(["key-1", "key-2"]);
});

test("what a caller was told stands in the file, also when the provider is killed at that very moment", async () => {
  let answered = 0;
  const all = Promise.all(
    Array.from({ length: 200 }, async (_, index) => {
      const { status } = await charge(`key-${index}`);
      if (status !== 200) return undefined;
      answered += 1;
      if (answered === 50) void provider.kill();
      return `key-${index}`;
    }),
  );
  const told = (await all).filter((key) => key !== undefined);
  await provider.exited;
  const text = readFileSync(journalPath, "utf8");
  const keys = new Set(
    text
      .split("\n")
      .slice(0, -1)
      .map((line) => JSON.parse(line).key),
  );
  expect(told.length).toBeGreaterThanOrEqual(50);
  expect(told.filter((key) => !keys.has(key))).toEqual([]);
});

test("a journal that is damaged in its middle stops the start, and says where", async () => {
  await provider.stop();
  appendFileSync(journalPath, "oops\n{}\n");
  const start = startProvider({ name: "a", journalPath, onLine: () => {} });
  await expect(start).rejects.toThrow(`${journalPath}, line 1 is not JSON`);
});
