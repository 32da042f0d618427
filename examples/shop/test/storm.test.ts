import { spawn } from "node:child_process";
import { mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type OwnDatabase, ownDatabase } from "./database.ts";

// One short storm through the command that people use. Longer ones: npm start -- --storm 60s --seed N --out DIR
const seed = 7;
let database: OwnDatabase;
let directory: string;
let code: number | null;
let terminal = "";

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), "outrigger-storm-test-"));
  database = await ownDatabase();
  const main = new URL("../src/main.ts", import.meta.url).pathname;
  const args = ["--storm", "12s", "--seed", String(seed), "--out", directory, "--port", "0", "--rate", "20"];
  const child = spawn(process.execPath, ["--conditions=@outrigger/source", main, ...args], {
    env: { ...process.env, DATABASE_URL: database.url },
  });
  for (const stream of [child.stdout, child.stderr]) stream.on("data", (data) => (terminal += data));
  code = await new Promise((resolve) => child.once("close", resolve));
}, 180_000);
afterAll(async () => {
  await rm(directory, { recursive: true, force: true });
  await database?.drop();
});

type Line = Readonly<Record<string, string>>;

async function lines(name: string): Promise<Line[]> {
  const text = await readFile(join(directory, name), "utf8");
  return text
    .split("\n")
    .filter(Boolean)
    .map((line) => JSON.parse(line) as Line);
}

describe(`a storm of 12 s, seed ${seed}`, () => {
  test("passes, shows its progress and the two lanes", () => {
    expect(terminal).toMatch(/storm: \d+ orders/);
    expect(terminal).toMatch(/CHARGED TWICE +\d+ +0/);
    expect(code, terminal).toBe(0);
  });

  test("leaves evidence from which anybody gets the same verdict", async () => {
    const files = (await readdir(directory)).sort();
    expect(files).toEqual([
      "journal-a.ndjson",
      "journal-b.ndjson",
      "operations.ndjson",
      "orders.ndjson",
      "summary.json",
    ]);
    // Counted anew from the raw files, without the product's own audit.
    const charged = new Map<string, Set<string>>();
    for (const line of [...(await lines("journal-a.ndjson")), ...(await lines("journal-b.ndjson"))]) {
      const keys = charged.get(line["orderId"] ?? "") ?? new Set();
      charged.set(line["orderId"] ?? "", keys);
      // With amount and currency: a cancel of another sum, or a charge of one, would not match.
      const key = `${line["provider"]} ${line["key"]} ${line["amount"]} ${line["currency"]}`;
      if (line["kind"] === "charge") expect(keys.has(key), `${key} charged once`).toBe(false);
      if (line["kind"] === "charge") keys.add(key);
      else expect(keys.delete(key), `${key} cancelled only when charged`).toBe(true);
    }
    const defects = { bare: 0, outrigger: 0 };
    const orders = await lines("orders.ndjson");
    for (const order of orders) {
      const active = charged.get(order["orderId"] ?? "")?.size ?? 0;
      if (active !== (order["status"] === "paid" ? 1 : 0))
        defects[order["lane"] as keyof typeof defects] += 1;
    }
    expect(new Set(orders.map((order) => order["orderId"])).size).toBe(orders.length);
    expect(orders.filter(({ lane, status }) => lane === "outrigger" && status === "pending")).toEqual([]);
    expect(defects.outrigger).toBe(0);
    expect(defects.bare).toBeGreaterThan(0);
    expect(orders.length).toBeGreaterThan(300);
    const summary = JSON.parse(await readFile(join(directory, "summary.json"), "utf8"));
    expect(summary).toMatchObject({ seed, passed: true, kills: 1, defects: [] });
    const { bare } = summary.lanes;
    expect(bare.chargedTwice + bare.chargedWithoutOrder + bare.orderWithoutCharge).toBe(defects.bare);
  });

  test("keeps a history of every operation that explains its end", async () => {
    const operations = (await lines("operations.ndjson")) as unknown as {
      state: string;
      key: string;
      history: { from: string | null; to: string }[];
    }[];
    expect(operations.length).toBeGreaterThan(100);
    for (const { state, history, key } of operations) {
      expect(["DONE", "FAILED", "CANCELLED"], key).toContain(state);
      expect(history[0]?.from, key).toBeNull();
      expect(history.at(-1)?.to, key).toBe(state);
      for (const [index, step] of history.entries()) {
        if (index > 0) expect(step.from, key).toBe(history[index - 1]?.to);
      }
    }
  });
});
