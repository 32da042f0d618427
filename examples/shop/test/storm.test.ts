import { spawn } from "node:child_process";
import { mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import type { DatabaseKind } from "../src/database/shop-database.ts";
import { databasesHere, onEachDatabase, ownDatabase } from "./database.ts";

// Short storms through the command that people use. Longer ones: npm start -- --storm 60s --seed N --database D --out DIR
const seed = 7;

interface Storm {
  readonly directory: string;
  readonly code: number | null;
  readonly terminal: string;
}

/** All at once: a storm mostly waits. */
const storms = new Map<DatabaseKind, Storm>();

beforeAll(async () => {
  await Promise.all(databasesHere.map(async (kind) => storms.set(kind, await storm(kind))));
}, 300_000);
afterAll(async () => {
  for (const { directory } of storms.values()) await rm(directory, { recursive: true, force: true });
});

async function storm(kind: DatabaseKind): Promise<Storm> {
  const directory = await mkdtemp(join(tmpdir(), "outrigger-storm-test-"));
  const database = await ownDatabase(kind);
  const main = new URL("../src/main.ts", import.meta.url).pathname;
  const args = [
    ...["--storm", "12s", "--seed", String(seed), "--out", directory],
    ...["--database", kind, "--port", "0", "--rate", "20"],
  ];
  const { url } = database.wanted;
  const child = spawn(process.execPath, ["--conditions=@outrigger/source", main, ...args], {
    env: {
      ...process.env,
      DATABASE_URL: kind === "postgres" ? url : undefined,
      MARIADB_URL: kind === "mariadb" ? url : undefined,
    },
  });
  let terminal = "";
  for (const stream of [child.stdout, child.stderr]) stream.on("data", (data) => (terminal += data));
  const code = await new Promise<number | null>((resolve) => child.once("close", resolve));
  await database.drop();
  return { directory, code, terminal };
}

type Line = Readonly<Record<string, string>>;

async function lines(directory: string, name: string): Promise<Line[]> {
  const text = await readFile(join(directory, name), "utf8");
  return text
    .split("\n")
    .filter(Boolean)
    .map((line) => JSON.parse(line) as Line);
}

onEachDatabase((kind) => {
  const result = (): Storm => storms.get(kind) as Storm;

  test("a storm passes, shows its progress and the two lanes", () => {
    const { code, terminal } = result();
    expect(terminal).toMatch(/storm: \d+ orders/);
    expect(terminal).toMatch(/CHARGED TWICE +\d+ +0/);
    expect(code, terminal).toBe(0);
  });

  test("a storm leaves evidence from which anybody gets the same verdict", async () => {
    const { directory } = result();
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
    for (const line of [
      ...(await lines(directory, "journal-a.ndjson")),
      ...(await lines(directory, "journal-b.ndjson")),
    ]) {
      const keys = charged.get(line["orderId"] ?? "") ?? new Set();
      charged.set(line["orderId"] ?? "", keys);
      // With amount and currency: a cancel of another sum, or a charge of one, would not match.
      const key = `${line["provider"]} ${line["key"]} ${line["amount"]} ${line["currency"]}`;
      if (line["kind"] === "charge") expect(keys.has(key), `${key} charged once`).toBe(false);
      if (line["kind"] === "charge") keys.add(key);
      else expect(keys.delete(key), `${key} cancelled only when charged`).toBe(true);
    }
    const defects = { bare: 0, outrigger: 0 };
    const orders = await lines(directory, "orders.ndjson");
    for (const order of orders) {
      const active = charged.get(order["orderId"] ?? "")?.size ?? 0;
      if (active !== (order["status"] === "paid" ? 1 : 0))
        defects[order["lane"] as keyof typeof defects] += 1;
    }
    expect(new Set(orders.map((order) => order["orderId"])).size).toBe(orders.length);
    expect(orders.filter(({ lane, status }) => lane === "outrigger" && status === "pending")).toEqual([]);
    expect(defects.outrigger).toBe(0);
    // As many as came in twelve seconds; what the slowest machine makes of them is not the test's business.
    expect(orders.length).toBeGreaterThan(300);
    const summary = JSON.parse(await readFile(join(directory, "summary.json"), "utf8"));
    expect(summary).toMatchObject({ database: kind, seed, passed: true, kills: 1, defects: [] });
    const { bare } = summary.lanes;
    expect(bare.chargedTwice + bare.chargedWithoutOrder + bare.orderWithoutCharge).toBe(defects.bare);
  });

  test("a storm keeps a history of every operation that explains its end", async () => {
    const operations = (await lines(result().directory, "operations.ndjson")) as unknown as {
      state: string;
      key: string;
      history: { from: string | null; to: string }[];
    }[];
    expect(operations.length).toBeGreaterThan(0);
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
