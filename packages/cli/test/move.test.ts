import { spawnSync } from "node:child_process";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir, userInfo } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { useShop } from "../../ledger/test/support/shop.ts";
import { everyState } from "./support/every-state.ts";
import { ran } from "./support/in-process.ts";
import { onTerminal } from "./support/on-terminal.ts";
import { type Ended, spawnCli } from "./support/spawn-cli.ts";

const shop = useShop("cli_move");
const app = fileURLToPath(new URL("./support/app.ts", import.meta.url));
let folder = "";
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "outrigger-cli-"));
  await everyState(shop);
}, 60_000);
afterAll(() => rm(folder, { recursive: true, force: true }));

const ledger = (...args: string[]): Promise<Ended> =>
  spawnCli(["ledger", ...args], { env: { DATABASE_URL: shop.url } });
const inApp = (...args: string[]): Promise<Ended> =>
  spawnCli(["ledger", ...args, "--app", app], { env: { APP_DATABASE: shop.url } });
const because = ["--reason", "their inquiry works again", "--yes"];

/** One that waits for a person, with its order pending. */
async function manual(key: string): Promise<string[]> {
  await shop.pool.query("insert into orders (id, status) values ($1, 'pending')", [key]);
  await shop.pool.query(
    `insert into outrigger.operation (operation, key, fingerprint, state, fence, provider, providers, request,
       created_at, updated_at)
     values ('pay.manual', $1, '', 'MANUAL', 1, 'a', '{a}', $2, now(), now())`,
    [key, JSON.stringify({ id: key, amount: 1 })],
  );
  return ["pay.manual", key];
}

const stateOf = async (key: string): Promise<unknown> =>
  (await shop.pool.query("select state from outrigger.operation where key = $1", [key])).rows[0]?.state;
const lastEntry = async (key: string): Promise<unknown> =>
  (
    await shop.pool.query(
      `select e.why, e.evidence, e.actor from outrigger.operation_event as e
       join outrigger.operation as o on o.id = e.operation_id where o.key = $1 order by e.id desc limit 1`,
      [key],
    )
  ).rows[0];

test("retry puts an operation back to work, and its history says who and why", async () => {
  const { code, stdout, stderr } = await ledger("retry", ...(await manual("again")), ...because);
  expect([code, stdout]).toEqual([0, "It is UNKNOWN now.\nNext: now.\n"]);
  expect(stderr).toContain("retry pay.manual again (MANUAL)");
  expect(stderr).toContain("because: their inquiry works again");
  expect(stderr).toContain(`by ${userInfo().username} (the user of this machine)`);
  expect(await lastEntry("again")).toEqual({
    why: "operatorRetry",
    evidence: "their inquiry works again",
    actor: userInfo().username,
  });
});

test("cancel keeps what was not sent from being sent, and --json gives the record", async () => {
  const { code, stdout } = await ledger("cancel", "pay", "ready", ...because, "--by", "kim", "--json");
  expect(code).toBe(0);
  expect(JSON.parse(stdout)).toMatchObject({ key: "ready", state: "READY", cancelRequested: true });
  expect(await lastEntry("ready")).toMatchObject({ why: "cancelRequested", actor: "kim" });
  // Asking twice does no harm, as the ledger has it.
  expect((await ledger("cancel", "pay", "ready", ...because)).code).toBe(0);
});

test.each([
  ["retry", "done", "an operation in DONE needs no retry"],
  ["retry", "sending", "an operation in SENDING needs no retry"],
  ["cancel", "done", "it was committed already"],
  ["cancel", "failed", "it is FAILED already"],
])("%s of an operation that is %s is refused, and changes nothing", async (command, key, message) => {
  const before = await stateOf(key);
  const { code, stdout, stderr } = await ran(["ledger", command, "pay", key, ...because], {
    DATABASE_URL: shop.url,
  });
  expect([code, stdout]).toEqual([1, ""]);
  expect(stderr).toContain(`refused: ${message}`);
  expect(await stateOf(key)).toBe(before);
});

describe("resolve", () => {
  test("commits the business row in the app's own words", async () => {
    const of = await manual("paid-after-all");
    const { code, stdout } = await inApp(
      ...["resolve", ...of, "--as", "committed", "--result", '{"charge":"ch_9"}', ...because],
    );
    expect([code, stdout]).toEqual([0, "It is DONE now.\n"]);
    expect(await shop.status("paid-after-all")).toBe("paid");
    expect(await lastEntry("paid-after-all")).toMatchObject({ why: "operatorCommitted" });
  });

  test("voids it where nothing took effect", async () => {
    const { code } = await inApp("resolve", ...(await manual("void")), "--as", "abandoned", ...because);
    expect(code).toBe(0);
    expect(await shop.status("void")).toBe("void");
  });

  test("is refused where the business row cannot take it, and changes nothing", async () => {
    const of = await manual("sold");
    await shop.pool.query("update orders set status = 'sold out' where id = 'sold'");
    const { code, stderr } = await inApp("resolve", ...of, "--as", "committed", "--result", "{}", ...because);
    expect([code, stderr]).toEqual([1, expect.stringContaining("the order no longer waits for a payment")]);
    expect(await stateOf("sold")).toBe("MANUAL");
  });

  test("is refused for what waits for nobody", async () => {
    const { code, stderr } = await inApp("resolve", "pay", "done", "--as", "abandoned", ...because);
    expect([code, stderr]).toEqual([
      1,
      expect.stringContaining("only MANUAL waits for a person; it is DONE"),
    ]);
  });
});

test.each([
  ["throws while it is loaded", "throw new Error('no config')", "could not be loaded: no config"],
  ["exports no ledger", "export const ledger = {};", "does not export `ledger`"],
  [
    "exports something else for reconciliations",
    "export { ledger } from '@app'; export const reconciliations = [1];",
    "must be|object of what",
  ],
])("an app that %s is told in words", async (name, source, message) => {
  const file = join(folder, `${name.replaceAll(/\W/g, "-")}.ts`);
  await writeFile(file, source.replace("@app", app));
  const { code, stdout, stderr } = await spawnCli(["ledger", "list", "--app", file], {
    env: { APP_DATABASE: shop.url },
  });
  expect([code, stdout]).toEqual([2, ""]);
  expect(stderr).toMatch(new RegExp(message));
});

describe("reconcile", () => {
  test("tells of each day, writes the report, and ends with 1 where a finding needs a person", async () => {
    const file = join(folder, "report.html");
    const { code, stdout, stderr } = await inApp(
      ...["reconcile", "bank", "--from", "2026-01-01", "--to", "2026-01-03", "--report", file],
    );
    expect(code).toBe(1);
    expect(stderr).toBe(
      `2026-01-01: 0 findings\n2026-01-02: 1 finding\n2026-01-03: 0 findings\nreport: ${file}\n`,
    );
    expect(stdout).toMatch(/orphanRemote +1/);
    expect(stdout).toMatch(/EUR +12\.5 +0 +12\.5/);
    expect(stdout).toMatch(/2026-01-02 +orphanRemote +nobody's +nothing yet\n\n1 finding needs a person/);
    expect(await readFile(file, "utf8")).toContain("<!doctype html>");
  });

  test("days in agreement end with 0, and --json has the whole report", async () => {
    const { code, stdout } = await inApp("reconcile", "calm", "--from", "2026-01-02", "--json");
    expect(code).toBe(0);
    expect(JSON.parse(stdout)).toMatchObject({
      name: "calm",
      days: ["2026-01-02"],
      needsPerson: 0,
      report: { counts: { orphanRemote: 0 } },
    });
  });

  test("Ctrl-C ends it after a whole day, and what was done is told", async () => {
    const year = ["--from", "2026-01-01", "--to", "2026-12-31"];
    const ended = await spawnCli(["ledger", "reconcile", "slow", ...year, "--app", app, "--json"], {
      env: { APP_DATABASE: shop.url },
      started: (child) => child.stderr?.once("data", () => child.kill("SIGINT")),
    });
    expect(ended.code).toBe(130);
    expect(ended.stderr).toMatch(
      /^2026-01-01: 0 findings\n[\s\S]*stopped after a whole day; run it again for the rest\n$/,
    );
    const { days } = JSON.parse(ended.stdout) as { days: string[] };
    expect(ended.stderr.match(/findings/g)).toHaveLength(days.length);
    expect(days.length).toBeLessThan(365);
  });

  test.each([
    [
      ["other", "--from", "2026-01-01"],
      'there is no reconciliation "other" in the app; it has bank, calm, slow',
    ],
    [["--from", "2026-01-01"], "say which one: bank, calm, slow"],
    [["bank", "--from", "2026-02-30"], "--from must be a day"],
    [["bank", "--to", "2026-02-01"], "--to needs --from"],
    [["bank", "--from", "2026-02-02", "--to", "2026-02-01"], "--from is after --to"],
    [["bank", "--report", "x.pdf"], "--report must end in .html, .csv or .json"],
  ])("wrong use is told before anything is read: %j", async (args, message) => {
    const env = { DATABASE_URL: shop.url };
    const { code, stdout, stderr } = await ran(["ledger", "reconcile", ...args, "--app", app], env);
    expect([code, stdout]).toEqual([2, ""]);
    expect(stderr).toContain(message);
  });
});

const hasScript = spawnSync("script", ["--version"]).error === undefined;
describe.skipIf(!hasScript)("on a terminal", () => {
  const env = (): Record<string, string> => ({ DATABASE_URL: shop.url });

  test("what moves money is asked for first; anything but yes does nothing", async () => {
    const of = await manual("asked");
    for (const typed of ["n\n", "\n", "\u0004"]) {
      const no = await onTerminal(["ledger", "retry", ...of, "--reason", "r"], {
        env: env(),
        answers: [["Go on? [y/N]", typed]],
      });
      expect([no.code, await stateOf("asked")]).toEqual([1, "MANUAL"]);
      expect(no.screen).toContain("nothing was done");
    }
    const interrupted = await onTerminal(["ledger", "retry", ...of, "--reason", "r"], {
      env: env(),
      answers: [["Go on? [y/N]", "\u0003"]],
    });
    expect([interrupted.code, await stateOf("asked")]).toEqual([130, "MANUAL"]);
    const yes = await onTerminal(["ledger", "retry", ...of, "--reason", "r"], {
      env: env(),
      answers: [["Go on? [y/N]", "y\n"]],
    });
    expect([yes.code, await stateOf("asked")]).toEqual([0, "UNKNOWN"]);
    expect(yes.screen).toMatch(/The provider will be asked again[\s\S]*Go on\?[\s\S]*It is UNKNOWN now/);
  });

  test("a table fits the terminal, and has colours unless NO_COLOR is set", async () => {
    const wide = await onTerminal(["ledger", "list"], { env: env(), columns: 200 });
    expect(wide.screen).toContain("\u001b[31mMANUAL");
    const narrow = await onTerminal(["ledger", "list"], { env: { ...env(), NO_COLOR: "1" }, columns: 60 });
    expect(narrow.screen).not.toContain("\u001b[3");
    const rows = narrow.screen.split("\n").filter((line) => line !== "");
    expect(rows[0]).toMatch(/^STATE +OPERATION +KEY +AGE +NEXT/);
    expect(Math.max(...rows.map((row) => row.length))).toBeLessThanOrEqual(60);
    const dumb = await onTerminal(["ledger", "list"], { env: { ...env(), TERM: "dumb" } });
    expect(dumb.screen).not.toContain("\u001b[3");
  });
});
