import { createServer } from "node:net";
import { afterEach, expect, test } from "vitest";
import { useShop } from "../../ledger/test/support/shop.ts";
import { ran } from "./support/in-process.ts";
import { type Ended, spawnCli } from "./support/spawn-cli.ts";

const shop = useShop("cli_doctor");

interface Report {
  readonly ok: boolean;
  readonly database: string;
  readonly findings: readonly { check: string; level: string; says: string; fix: string | null }[];
}

const ledger = (...args: string[]): Promise<Ended> =>
  ran(["ledger", "doctor", ...args], { DATABASE_URL: shop.url });

/** The server of the tests does not wait for the disk, which a doctor has to find. */
const ofTheTests = /^(fsync|full_page_writes|synchronous_commit) = off/;

/** What is not fine beside that. */
async function trouble(...args: string[]): Promise<Report["findings"]> {
  const { stdout } = await ledger("--json", ...args);
  const report = JSON.parse(stdout) as Report;
  return report.findings.filter(({ level, says }) => level !== "ok" && !ofTheTests.test(says));
}

afterEach(async () => {
  await shop.pool.query("delete from outrigger.operation");
});

test("a ledger in good order has nothing but the server's own settings against it", async () => {
  expect(await trouble()).toEqual([]);
  const { code, stdout, stderr } = await ledger();
  expect(stderr).toBe("");
  const { rows } = await shop.pool.query("select current_setting('fsync') as fsync");
  if (rows[0].fsync === "off") {
    expect([code, stdout]).toEqual([1, expect.stringMatching(/bad +durability +fsync = off: .*can be lost/)]);
    expect(stdout).toContain("fix: set fsync = on");
  } else expect(code).toBe(0);
  expect(stdout).toMatch(/ok +tables +at version \d+, as this release expects/);
});

test("what waits for a person, and what nobody takes up, is bad, with the fix of each", async () => {
  const node = shop.node();
  for (const key of ["m", "late", "sent"]) await node.pay.enqueue({ id: key, amount: 1 }, { key });
  await shop.pool.query("update outrigger.operation set state = 'MANUAL', due_at = null where key = 'm'");
  await shop.pool.query(
    `update outrigger.operation set due_at = now() - interval '2 h', created_at = now() - interval '3 h',
       state = case key when 'sent' then 'SENDING' else state end where key <> 'm'`,
  );
  const found = await trouble();
  expect(found.map(({ check, level }) => [check, level])).toEqual([
    ["people", "bad"],
    ["oldest", "warn"],
    ["workers", "bad"],
    ["leases", "bad"],
  ]);
  expect(found[2]?.says).toBe("2 due, the first for 2 h: no process takes them up");
  expect(found.every(({ fix }) => fix !== null && fix !== "")).toBe(true);
  expect((await ledger()).code).toBe(1);
});

test("an operation that no running process defines is told from all others", async () => {
  for (const operation of ["known", "forgotten"]) {
    await shop.node({ operation }).pay.enqueue({ id: operation, amount: 1 }, { key: operation });
  }
  await shop.pool.query(
    "update outrigger.operation set due_at = now() - interval '2 h' where operation = 'forgotten'",
  );
  const [found] = await trouble();
  expect(found).toMatchObject({ check: "workers", level: "bad" });
  expect(found?.says).toBe("no running process takes up forgotten (due for 2 h), others are taken up");
});

test("settled operations that stay, and rows that were never analyzed, are a warning only", async () => {
  await shop.pool.query(`
    insert into outrigger.operation (operation, key, fingerprint, state, fence, provider, providers, request,
      created_at, updated_at)
    select 'old', n::text, '', 'DONE', 1, 'a', array['a'], '{}', now() - interval '30 d', now() - interval '30 d'
    from generate_series(1, 10) as n`);
  expect((await trouble()).map(({ check, level }) => [check, level])).toEqual([["retention", "warn"]]);
  expect(await trouble("--move-after", "60d")).toEqual([]);
});

test("tables that are missing or of another version are bad, and nothing else is guessed about them", async () => {
  const missing = await trouble("--schema", "nowhere");
  expect(missing).toEqual([
    expect.objectContaining({ check: "tables", level: "bad", says: "the ledger's tables are not there" }),
  ]);
  await shop.pool.query("create schema other");
  await shop.pool.query("create table other.migration (version integer, applied_at timestamptz)");
  await shop.pool.query("insert into other.migration values (1, now())");
  expect((await trouble("--schema", "other"))[0]?.says).toMatch(/^at version 1; this release expects \d+$/);
  await shop.pool.query("insert into other.migration values (9999, now())");
  expect((await trouble("--schema", "other"))[0]?.says).toMatch(/^at version 9999, made by a newer release/);
});

test("a setting that lets commits be lost is found where it is set, also for another user", async () => {
  const [{ name } = { name: "" }] = (await shop.pool.query("select current_database() as name")).rows;
  await shop.pool.query(`alter database ${name} set synchronous_commit = off`);
  try {
    const found = await trouble();
    expect(found.map(({ says }) => says).join("\n")).toContain(
      `synchronous_commit=off is set for database ${name}`,
    );
    expect(found.every(({ level }) => level === "bad")).toBe(true);
  } finally {
    await shop.pool.query(`alter database ${name} reset synchronous_commit`);
  }
});

test("a doctor speaks Korean too, and needs the database itself", async () => {
  const korean = await ledger("--lang", "ko");
  expect(korean.stdout).toMatch(/정상 +테이블 +버전 \d+, 이 릴리스와 맞음/);
  const app = await spawnCli(["ledger", "doctor"]);
  expect([app.code, app.stderr]).toEqual([2, expect.stringContaining("it needs --database <url>")]);
});

test("a database that nobody listens on ends with 3", async () => {
  const server = createServer().listen(0, "127.0.0.1");
  await new Promise((resolve) => server.once("listening", resolve));
  const address = server.address();
  await new Promise((resolve) => server.close(resolve));
  const port = typeof address === "object" ? address?.port : 0;
  const { code, stdout } = await ledger("--database", `postgres://me@127.0.0.1:${port}/x`);
  expect([code, stdout]).toEqual([3, ""]);
});
