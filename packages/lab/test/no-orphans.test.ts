import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { chmodSync, existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface, type Interface } from "node:readline";
import { fileURLToPath } from "node:url";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { processInfo } from "../src/server/process-info.ts";
import { until } from "./client.ts";

vi.setConfig({ testTimeout: 120_000, hookTimeout: 60_000 });

let folder: string;
let parent: ChildProcess;
let lines: Interface;

async function nextLine(): Promise<Record<string, unknown>> {
  const ended = once(parent, "exit").then(() => {
    throw new Error("the parent ended without a word");
  });
  const [line] = (await Promise.race([once(lines, "line"), ended])) as [string];
  return JSON.parse(line) as Record<string, unknown>;
}

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "lab-orphans-"));
  chmodSync(folder, 0o755); // For the server's user, who is another one when we are root.
  parent = spawn(
    process.execPath,
    [
      "--conditions=@outrigger/source",
      fileURLToPath(new URL("fixtures/parent.ts", import.meta.url)),
      join(folder, "journal.ndjson"),
      join(folder, "postgres"),
    ],
    // A process group of its own, as a shell gives to what is started in a terminal.
    { stdio: ["ignore", "pipe", "inherit"], detached: true },
  );
  if (parent.stdout === null) throw new Error("the parent has no output");
  lines = createInterface({ input: parent.stdout });
});

afterEach(async () => {
  parent.kill("SIGKILL");
  await until("the folder is let go", () => !existsSync(join(folder, "postgres")));
  rmSync(folder, { recursive: true });
});

interface Everyone {
  readonly provider: number;
  readonly watcher: number;
  readonly server: number;
}

async function everyone(): Promise<Everyone> {
  const { provider, postgres } = await nextLine();
  const server = Number.parseInt(readFileSync(join(folder, "postgres/data/postmaster.pid"), "utf8"), 10);
  const pids = { provider: Number(provider), watcher: Number(postgres), server };
  for (const pid of Object.values(pids)) expect(processInfo(pid)).toBeDefined();
  expect(processInfo(server)?.command).toContain("postgres");
  return pids;
}

async function goneSoon(pids: Everyone): Promise<void> {
  for (const [name, pid] of Object.entries(pids)) {
    await until(`${name} is gone`, () => processInfo(pid) === undefined, 60_000);
  }
}

test("a parent killed by SIGKILL leaves no provider, no database server and no data behind", async () => {
  const pids = await everyone();
  parent.kill("SIGKILL");
  await goneSoon(pids);
  await until("the data is gone", () => !existsSync(join(folder, "postgres")));
});

test("Ctrl-C reaches the whole process group, and the children wait for their parent to stop them", async () => {
  const pids = await everyone();
  if (parent.pid === undefined) throw new Error("the parent has no pid");
  process.kill(-parent.pid, "SIGINT");
  expect(await nextLine()).toEqual({
    alive: "healthy",
    exit: { code: 0, signal: null },
    postgresAlive: true,
  });
  expect(await nextLine()).toEqual({ postgresExit: { code: 0, signal: null } });
  await goneSoon(pids);
});
