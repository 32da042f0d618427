import { type ChildProcess, spawn } from "node:child_process";
import { readFileSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import type { ConsoleSnapshot, OperationPage } from "@outrigger/console";
import { afterEach, describe, expect, test } from "vitest";
import type { DatabaseKind } from "../src/database/shop-database.ts";
import { onEachDatabase } from "./database.ts";
import { descendants, isAlive } from "./processes.ts";

const main = new URL("../src/main.ts", import.meta.url).pathname;
const running = new Set<ChildProcess>();

afterEach(() => {
  for (const child of running) child.kill("SIGKILL");
  running.clear();
});

/** Starts what `npm start` starts and waits for the addresses it prints. */
async function start({
  port = "0",
  database = "postgres",
}: {
  readonly port?: string;
  readonly database?: DatabaseKind;
} = {}): Promise<{ child: ChildProcess; text: () => string; exited: Promise<number | null> }> {
  const child = spawn(
    process.execPath,
    ["--conditions=@outrigger/source", main, "--port", port, "--lang", "en", "--database", database],
    {
      // Without a server that is given: the server that it starts itself is what has to be gone afterwards.
      env: { ...process.env, DATABASE_URL: undefined, MARIADB_URL: undefined },
    },
  );
  running.add(child);
  let text = "";
  for (const stream of [child.stdout, child.stderr]) stream?.on("data", (data) => (text += data));
  const exited = new Promise<number | null>((resolve) => child.once("close", resolve));
  const untilMs = performance.now() + 120_000;
  while (!text.includes("Ctrl-C ends everything")) {
    if (child.exitCode !== null || performance.now() > untilMs) throw new Error(`did not start:\n${text}`);
    await sleep(50);
  }
  return { child, text: () => text, exited };
}

function address(text: string, name: string): string {
  return new RegExp(`${name} +(http://\\S+)`).exec(text)?.[1] ?? "";
}

async function goneWithin(processes: ReturnType<typeof descendants>, ms: number): Promise<void> {
  const untilMs = performance.now() + ms;
  while (processes.some(isAlive) && performance.now() < untilMs) await sleep(100);
  expect(processes.filter(isAlive)).toEqual([]);
}

/** Node's processes, the one that looks after the database server included; not the server's own. */
function killed(pid: number): boolean {
  return readFileSync(`/proc/${pid}/cmdline`, "utf8").includes(process.execPath);
}

/** On the same port, so in the same folder, as the run that was killed. */
async function startsAgain(text: string, database: DatabaseKind = "postgres"): Promise<void> {
  const port = new URL(address(text, "Shop")).port;
  const again = await start({ port, database });
  expect(address(again.text(), "Shop")).toBe(address(text, "Shop"));
  expect((await fetch(`${address(again.text(), "Shop")}/health`)).status).toBe(200);
  again.child.kill("SIGTERM");
  expect(await again.exited).toBe(0);
}

/** Orders of both lanes that the console tells as paid, from the first of its events. */
async function paidOnPage(console: string): Promise<number> {
  const events = await fetch(`${console}/events`);
  let told = "";
  for await (const chunk of (events.body ?? new ReadableStream()).pipeThrough(new TextDecoderStream())) {
    told += chunk;
    if (told.includes("\n\n")) break;
  }
  const history = JSON.parse(/^data: (.*)$/m.exec(told)?.[1] ?? "[]") as readonly ConsoleSnapshot[];
  const { bare, outrigger } = history.at(-1)?.lanes ?? {};
  return Math.min(bare?.paid ?? 0, outrigger?.paid ?? 0);
}

async function operationsOnPage(console: string): Promise<string[]> {
  const { operations } = (await (
    await fetch(`${console}/api/operations?state=DONE&atLeast=500`)
  ).json()) as OperationPage;
  return operations.map(({ key }) => key);
}

describe.runIf(process.platform === "linux")("npm start", () => {
  onEachDatabase((database) => {
    test("serves the shop, both providers and the console; Ctrl-C ends every process", async () => {
      const { child, text, exited } = await start({ database });
      const shop = address(text(), "Shop");
      const paid = await fetch(`${shop}/checkout`, {
        method: "POST",
        headers: { "content-type": "application/json" },
        body: JSON.stringify({ orderId: "first", amount: 100 }),
      });
      expect(await paid.json()).toMatchObject({ status: "paid", provider: "a" });
      for (const name of ["a", "b"]) {
        const journal = await fetch(`${address(text(), `Provider ${name}`)}/journal`);
        expect(journal.status).toBe(200);
      }
      const console = address(text(), "Console");
      const page = await fetch(console);
      expect(await page.text()).toMatch(/<!doctype html>/i);
      await expect.poll(() => paidOnPage(console)).toBeGreaterThan(0);
      expect(await operationsOnPage(console)).toContain("first.1");

      const processes = descendants(child.pid as number);
      expect(processes.length).toBeGreaterThanOrEqual(database === "sqlite" ? 3 : 5);
      child.kill("SIGINT");
      expect(await exited).toBe(0);
      await goneWithin(processes, 1_000);
    });
  });

  // What a killed MariaDB leaves is the lab's: test/mariadb.test.ts there.
  test.each(["postgres", "sqlite"] as const)(
    "on %s leaves no process behind when it is killed itself, and starts again",
    async (database) => {
      const first = await start({ database });
      const processes = descendants(first.child.pid as number);
      first.child.kill("SIGKILL");
      await goneWithin(processes, 60_000);
      await startsAgain(first.text(), database);
    },
  );

  test("stops the database server that is left when everything else was killed at once, and starts again", async () => {
    const { child, text } = await start();
    const below = descendants(child.pid as number);
    const left = below.filter(({ pid }) => !killed(pid));
    child.kill("SIGKILL");
    for (const { pid } of below) if (killed(pid)) process.kill(pid, "SIGKILL");
    expect(left.filter(isAlive).length).toBeGreaterThan(0);
    await startsAgain(text());
    await goneWithin(left, 1_000);
  });

  test("tells how to get a MariaDB that is not there", async () => {
    const child = spawn(
      process.execPath,
      ["--conditions=@outrigger/source", main, "--database", "mariadb", "--port", "0"],
      { env: { PATH: "/nowhere" } },
    );
    let text = "";
    child.stderr.on("data", (data) => (text += data));
    expect(await new Promise((resolve) => child.once("close", resolve))).toBe(1);
    expect(text).toMatch(/MariaDB was not found.*apt-get install mariadb-server/);
  });

  test("tells what is wrong with an option and starts nothing", async () => {
    const child = spawn(process.execPath, ["--conditions=@outrigger/source", main, "--storm", "30"]);
    let text = "";
    child.stderr.on("data", (data) => (text += data));
    expect(await new Promise((resolve) => child.once("close", resolve))).toBe(2);
    expect(text).toMatch(/--storm must be a duration with a unit/);
    expect(text.trim().split("\n").length).toBe(1);
  });
});
