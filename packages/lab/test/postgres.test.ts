import {
  chmodSync,
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  realpathSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { createDatabase, databaseForTests, type Postgres, startPostgres } from "@outrigger/lab";
import pg from "pg";
import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from "vitest";
import { findBinaries } from "../src/postgres/binaries.ts";
import { reachable } from "../src/postgres/reachable.ts";
import { stopStaleServer } from "../src/postgres/stale-server.ts";
import { processInfo } from "../src/server/process-info.ts";
import { serverUser } from "../src/server/server-user.ts";
import { until } from "./client.ts";

vi.setConfig({ testTimeout: 120_000, hookTimeout: 120_000 });

async function ask<Row>(url: string, text: string): Promise<Row[]> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    return (await client.query(text)).rows as Row[];
  } finally {
    await client.end();
  }
}

const show = async (url: string, name: string): Promise<unknown> =>
  Object.values((await ask<Record<string, unknown>>(url, `show ${name}`))[0] ?? {})[0];

const postmaster = (folder: string): number =>
  Number.parseInt(readFileSync(join(folder, "data/postmaster.pid"), "utf8"), 10);

describe("a server in a temporary folder", () => {
  let server: Postgres;
  let folder: string;

  beforeAll(async () => {
    server = await startPostgres();
    folder = join(String(await show(server.url, "data_directory")), "..");
  });

  afterAll(() => server.stop());

  test("is PostgreSQL 18, waits for the disk, speaks UTF-8, and listens on loopback only", async () => {
    expect(await show(server.url, "server_version_num")).toMatch(/^18/);
    expect(await show(server.url, "fsync")).toBe("on");
    expect(await show(server.url, "synchronous_commit")).toBe("on");
    expect(await show(server.url, "server_encoding")).toBe("UTF8");
    expect(await show(server.url, "listen_addresses")).toBe("127.0.0.1");
    expect(await ask(server.url, "select '주문' as text")).toEqual([{ text: "주문" }]);
  });

  test("asks for the password", async () => {
    const url = new URL(server.url);
    url.password = "guess";
    await expect(ask(url.href, "select 1")).rejects.toThrow("password authentication failed");
  });

  test("gives every test file a database of its own, and drops it although somebody is still in it", async () => {
    const [first, second] = await Promise.all([
      createDatabase(server.url, "own"),
      createDatabase(server.url, "own"),
    ]);
    expect(first.name).not.toBe(second.name);
    await ask(first.url, "create table only_here (id int)");
    await expect(ask(second.url, "select from only_here")).rejects.toThrow("does not exist");
    const guest = new pg.Client({ connectionString: first.url });
    guest.on("error", () => {});
    await guest.connect();
    await Promise.all([first.drop(), second.drop()]);
    await first.drop();
    expect(await ask(server.url, "select from pg_database where datname like 'own%'")).toEqual([]);
    await guest.end().catch(() => {});
  });

  test("a session that is about to leave is not killed", async () => {
    const database = await createDatabase(server.url, "left");
    const killed: unknown[] = [];
    const guest = new pg.Client({ connectionString: database.url });
    guest.on("error", (error) => killed.push(error));
    await guest.connect();
    const left = sleep(50).then(() => guest.end());
    await database.drop();
    await left;
    expect(killed).toEqual([]);
  });

  test.each(["", "Own", "own; drop database x", "x".repeat(41)])(
    "refuses the database name %j",
    async (name) => {
      await expect(createDatabase(server.url, name)).rejects.toThrow("name must be 1 to 40 small letters");
    },
  );

  test("leaves nothing behind when it is stopped, sessions or not", async () => {
    const pid = postmaster(folder);
    const guest = new pg.Client({ connectionString: server.url });
    guest.on("error", () => {});
    await guest.connect();
    await server.stop();
    expect(await server.exited).toEqual({ code: 0, signal: null });
    expect([processInfo(pid), processInfo(server.pid), existsSync(folder)]).toEqual([
      undefined,
      undefined,
      false,
    ]);
    await guest.end().catch(() => {});
  });
});

describe("a folder that is given", () => {
  const root = realpathSync(mkdtempSync(join(tmpdir(), "lab-postgres-")));
  chmodSync(root, 0o755); // For the server's user, who is another one when we are root.
  const servers: Postgres[] = [];

  async function start(name: string, options: { keep?: boolean } = {}): Promise<Postgres> {
    const server = await startPostgres({ dataDir: join(root, name), fsync: false, ...options });
    servers.push(server);
    return server;
  }

  afterEach(async () => {
    for (const server of servers.splice(0)) await server.stop();
  });

  afterAll(() => rmSync(root, { recursive: true }));

  test("keeps data and password over a restart, when it is to be kept, and is removed by the next stop", async () => {
    const first = await start("kept", { keep: true });
    await ask(first.url, "create table kept as select 42 as answer");
    await first.stop();
    const second = await start("kept");
    expect(new URL(second.url).password).toBe(new URL(first.url).password);
    expect(await ask(second.url, "select answer from kept")).toEqual([{ answer: 42 }]);
    expect(await show(second.url, "fsync")).toBe("off");
    await second.stop();
    expect(existsSync(join(root, "kept"))).toBe(false);
  });

  test("is freed of a server whose watcher was killed", async () => {
    const first = await start("stale", { keep: true });
    const pid = postmaster(join(root, "stale"));
    await ask(first.url, "create table kept as select 42 as answer");
    process.kill(first.pid, "SIGKILL");
    expect(await first.exited).toMatchObject({ signal: "SIGKILL" });
    expect(processInfo(pid)?.command).toContain("postgres");
    const second = await start("stale");
    expect(processInfo(pid)).toBeUndefined();
    expect(await ask(second.url, "select answer from kept")).toEqual([{ answer: 42 }]);
  });

  test("is not taken from a server that is looked after", async () => {
    const server = await start("owned");
    const folder = join(root, "owned");
    await expect(stopStaleServer(folder, { ownedMs: 100 })).rejects.toThrow(
      `${folder} is in use by the PostgreSQL`,
    );
    expect(await ask(server.url, "select 1 as one")).toEqual([{ one: 1 }]);
  });

  test("may name the process id of somebody else by now, who is left alone", async () => {
    const folder = join(root, "reused");
    mkdirSync(join(folder, "data"), { recursive: true });
    writeFileSync(join(folder, "data/postmaster.pid"), `${process.pid}\n${folder}/data\n`);
    await stopStaleServer(folder, { stopMs: 100 });
    expect(readdirSync(join(folder, "data"))).toEqual([]);
  });

  test("is refused, and left as it is, when it holds something else", async () => {
    const folder = join(root, "home");
    mkdirSync(folder);
    writeFileSync(join(folder, "letter.txt"), "dear");
    await expect(startPostgres({ dataDir: folder })).rejects.toThrow(
      "is not empty and holds no server of ours",
    );
    expect(readdirSync(folder)).toEqual(["letter.txt"]);
  });

  test.runIf(process.getuid?.() === 0)(
    "must be open to the server's user, when that is another one",
    async () => {
      const folder = join(root, "private/postgres");
      mkdirSync(folder, { recursive: true });
      chmodSync(join(root, "private"), 0o700);
      await expect(startPostgres({ dataDir: folder })).rejects.toThrow(
        `may not enter ${join(root, "private")} on`,
      );
    },
  );

  test("may hold a cluster that a broken-off start has left half made: it is made anew", async () => {
    const folder = join(root, "half");
    mkdirSync(join(folder, "data.unfinished"), { recursive: true });
    writeFileSync(join(folder, "password"), "secret");
    writeFileSync(join(folder, "data.unfinished/PG_VERSION"), "18");
    const server = await start("half");
    expect(await ask(server.url, "select 1 as one")).toEqual([{ one: 1 }]);
  });

  test("is let go by a server that ends by itself, and whoever started it is told", async () => {
    const server = await start("crash");
    process.kill(postmaster(join(root, "crash")), "SIGKILL");
    expect(await server.exited).toEqual({ code: 1, signal: null });
    await until("the folder is removed", () => !existsSync(join(root, "crash")));
  });
});

test.runIf(process.getuid?.() === 0)(
  "root's private checkout is no obstacle: the binaries are copied beside the data",
  async () => {
    const root = mkdtempSync(join(tmpdir(), "lab-postgres-"));
    const { postgres } = await findBinaries();
    cpSync(join(postgres, "../.."), join(root, "private/native"), {
      recursive: true,
      verbatimSymlinks: true,
    });
    chmodSync(root, 0o755);
    chmodSync(join(root, "private"), 0o700);
    const bin = join(root, "private/native/bin");
    const found = { initdb: join(bin, "initdb"), postgres: join(bin, "postgres") };
    expect(reachable(found, serverUser("PostgreSQL", ["postgres", "nobody"]), root)).toEqual({
      initdb: join(root, "native/bin/initdb"),
      postgres: join(root, "native/bin/postgres"),
    });
    expect(reachable(found, {}, root)).toEqual(found);
    rmSync(root, { recursive: true });
  },
);

test("a port that is taken fails the start with the server's own words", async () => {
  const server = await startPostgres({ fsync: false });
  const port = Number(new URL(server.url).port);
  await expect(startPostgres({ fsync: false, port })).rejects.toThrow(/did not start[\s\S]*could not bind/);
  await server.stop();
});

test("DATABASE_URL is used instead of a server of ours, and left running", async () => {
  vi.stubEnv("DATABASE_URL", "postgres://me@db.example/test");
  const server = await databaseForTests();
  expect(server.url).toBe("postgres://me@db.example/test");
  await server.stop();
  vi.unstubAllEnvs();
});

test("POSTGRES_BIN names the programs of another version, and has to hold them", async () => {
  const { initdb, postgres } = await findBinaries();
  expect(await findBinaries(join(postgres, ".."))).toEqual({ initdb, postgres });
  vi.stubEnv("POSTGRES_BIN", join(postgres, "../.."));
  await expect(findBinaries()).rejects.toThrow("name the folder that holds initdb and postgres");
  await expect(startPostgres({ fsync: false })).rejects.toThrow(/POSTGRES_BIN is .*there is no .*initdb/);
  vi.unstubAllEnvs();
});

test("options that cannot be meant are refused", async () => {
  await expect(startPostgres({ datadir: "x" } as object)).rejects.toThrow('did you mean "dataDir"?');
  await expect(startPostgres({ port: -1 })).rejects.toThrow("postgres.port must be a whole number");
});
