import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync } from "node:fs";
import { dirname } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import {
  createMariadbDatabase,
  type Mariadb,
  mariadbForTests,
  mariadbMissing,
  startMariadb,
} from "@outrigger/lab";
import { createConnection, type RowDataPacket } from "mysql2/promise";
import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from "vitest";
import { processInfo } from "../src/server/process-info.ts";
import { until } from "./client.ts";

const missing = mariadbMissing();
if (missing !== undefined) console.warn(missing);

async function ask(url: string, text: string): Promise<unknown[]> {
  const connection = await createConnection(url);
  try {
    return (await connection.query<RowDataPacket[]>(text))[0];
  } finally {
    await connection.end();
  }
}

describe.skipIf(missing !== undefined)("a MariaDB server of our own", () => {
  let server: Mariadb;

  beforeAll(async () => {
    server = await startMariadb();
  });
  afterAll(() => server.stop());

  const setting = async (name: string): Promise<string> =>
    ((await ask(server.url, `select @@${name} as value`))[0] as { value: string }).value;

  test("is MariaDB, waits for the disk, and listens on loopback only", async () => {
    expect(await setting("version")).toContain("MariaDB");
    expect(await setting("innodb_flush_log_at_trx_commit")).toBe(1);
    expect(await setting("bind_address")).toBe("127.0.0.1");
  });

  test("keeps its temporary tables where no other server deletes them as it starts", async () => {
    expect(dirname(await setting("tmpdir"))).toBe(dirname(await setting("datadir")));
  });

  test("lets in one user, with a password", async () => {
    for (const [user, password] of [
      ["outrigger", "guess"],
      ["root", ""],
      ["", ""],
    ] as const) {
      const url = new URL(server.url);
      url.username = user;
      url.password = password;
      await expect(ask(url.href, "select 1")).rejects.toMatchObject({ code: "ER_ACCESS_DENIED_ERROR" });
    }
  });

  test("gives every test file a database of its own, and drops it", async () => {
    const [first, second] = await Promise.all([
      createMariadbDatabase(server.url, "own"),
      createMariadbDatabase(server.url, "own"),
    ]);
    expect(first.name).not.toBe(second.name);
    await ask(first.url, "create table only_here (id int)");
    await expect(ask(second.url, "select id from only_here")).rejects.toThrow("doesn't exist");
    await Promise.all([first.drop(), second.drop()]);
    expect(await ask(server.url, "show databases like 'own%'")).toEqual([]);
    await expect(createMariadbDatabase(server.url, "own; drop")).rejects.toThrow("name must be");
  });

  test("leaves nothing behind when it is stopped", async () => {
    const folder = await setting("datadir");
    expect(existsSync(folder)).toBe(true);
    await server.stop();
    expect(await server.exited).toEqual({ code: 0, signal: null });
    expect(existsSync(folder)).toBe(false);
  });
});

describe.skipIf(missing !== undefined)("a parent that is killed", () => {
  let parent: ChildProcess | undefined;
  afterEach(() => parent?.kill("SIGKILL"));

  test("leaves no MariaDB server and no data behind", async () => {
    parent = spawn(
      process.execPath,
      [
        "--conditions=@outrigger/source",
        fileURLToPath(new URL("fixtures/mariadb-parent.ts", import.meta.url)),
      ],
      { stdio: ["ignore", "pipe", "inherit"] },
    );
    if (parent.stdout === null) throw new Error("the parent has no output");
    const [line] = (await once(createInterface({ input: parent.stdout }), "line")) as [string];
    const { watcher, server, folder } = JSON.parse(line) as {
      watcher: number;
      server: number;
      folder: string;
    };
    expect(processInfo(server)?.command).toContain("--datadir");
    parent.kill("SIGKILL");
    for (const pid of [watcher, server]) {
      await until(`${pid} is gone`, () => processInfo(pid) === undefined, 60_000);
    }
    expect(existsSync(folder)).toBe(false);
  });
});

describe("where there is no MariaDB", () => {
  afterEach(() => void vi.unstubAllEnvs());

  test("a server that is given is taken as it is, and left running", async () => {
    vi.stubEnv("MARIADB_URL", "mysql://somebody@elsewhere/x");
    expect(mariadbMissing()).toBeUndefined();
    const server = await mariadbForTests();
    expect(server.url).toBe("mysql://somebody@elsewhere/x");
    await server.stop();
  });

  test("one line says what to install, and in CI nothing is skipped", () => {
    for (const name of ["MARIADB_URL", "PATH", "CI", "OUTRIGGER_CI"]) vi.stubEnv(name, "");
    expect(mariadbMissing()).toMatch(/^MariaDB was not found.*apt-get install mariadb-server/);
    vi.stubEnv("CI", "false");
    expect(mariadbMissing()).toBeDefined();
    for (const name of ["CI", "OUTRIGGER_CI"]) {
      vi.stubEnv(name, "1");
      expect(() => mariadbMissing()).toThrow("MARIADB_URL");
      vi.stubEnv(name, "");
    }
  });
});
