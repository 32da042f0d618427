import { spawn } from "node:child_process";
import { once } from "node:events";
import { type AddressInfo, createServer } from "node:net";
import { text } from "node:stream/consumers";
import { openStates, operationStates } from "@outrigger/ledger";
import { beforeAll, expect, test } from "vitest";
import { useShop } from "../../ledger/test/support/shop.ts";
import { everyState } from "./support/every-state.ts";
import { ran } from "./support/in-process.ts";
import { bin, cleanEnv, type Ended, spawnCli } from "./support/spawn-cli.ts";

const shop = useShop("cli_look");
beforeAll(() => everyState(shop), 60_000);

const ledger = (...args: string[]): Promise<Ended> =>
  spawnCli(["ledger", ...args], { env: { DATABASE_URL: shop.url } });
/** The same in this process, for what is the same there. */
const here = (...args: string[]): Promise<Ended> => ran(["ledger", ...args], { DATABASE_URL: shop.url });
/** All but the ends of lines. */
const control = /[^\P{Cc}\n]/u;
const lines = (of: string): string[] => of.split("\n").filter((line) => line !== "");
const at = (state: string): string[] =>
  state === "cancelled" || state === "manual" ? [`pay.${state}`, state] : ["pay", state];

test("a list shows what is open, piped as plain text with every column whole", async () => {
  const { code, stdout, stderr } = await ledger("list");
  expect([code, stderr]).toEqual([0, ""]);
  const [head = "", ...rows] = lines(stdout);
  expect(head.split(/ {2,}/)).toEqual([
    "STATE",
    "OPERATION",
    "KEY",
    "AGE",
    "NEXT",
    "PROVIDER",
    "SENDS",
    "LAST ERROR",
    "ID",
  ]);
  expect(rows.map((row) => row.split(/ +/)[0]).toSorted()).toEqual([...openStates].toSorted());
  expect(stdout).not.toContain("\u001b");
  const manual = rows.find((row) => row.startsWith("MANUAL"));
  expect(manual).toMatch(/pay\.manual +manual +.* a person +a +1 +.*all is well.* [0-9a-f-]{36}$/);
});

test("with --json every operation is a line of its own, and stdout has nothing else", async () => {
  const { code, stdout, stderr } = await ledger("list", "--json", "--state", operationStates.join(","));
  expect([code, stderr]).toEqual([0, ""]);
  const records = lines(stdout).map((line) => JSON.parse(line) as Record<string, unknown>);
  expect(records.map(({ state }) => state).toSorted()).toEqual([...operationStates].toSorted());
  expect(records.every((record) => !("request" in record))).toBe(true);
  expect(stdout).not.toMatch(control);
});

test("a page says how to go on, and --all needs no pages", async () => {
  const first = await here("list", "--limit", "2", "--json");
  const last = JSON.parse(lines(first.stdout).at(-1) ?? "") as { id: string };
  expect(first.stderr).toBe(`there are more: --after ${last.id}, or --all\n`);
  const rest = await here("list", "--after", last.id, "--json");
  expect(lines(rest.stdout)).toHaveLength(openStates.length - 2);
  const all = await here("list", "--all", "--limit", "2");
  expect(lines(all.stdout)).toHaveLength(openStates.length + 1);
});

test("what a person has to decide is asked for by name, and nothing is said where there is none", async () => {
  expect(lines((await here("list", "--wants-person", "--json")).stdout)).toHaveLength(1);
  const none = await here("list", "--older-than", "7d");
  expect(none).toEqual({ code: 0, stdout: "", stderr: "nothing is open\n" });
});

test.each(operationStates.map((state) => state.toLowerCase()))(
  "show tells the story of an operation that is %s",
  async (state) => {
    const { code, stdout } = await here("show", ...at(state));
    expect(code).toBe(0);
    for (const part of ["What happened", "What is known", "What happens next", "What you can do"]) {
      expect(stdout).toContain(`\n${part}\n`);
    }
    expect(stdout).toContain(`${state.toUpperCase()}: `);
    // No escape sequence of a provider's message reaches the terminal.
    expect(stdout).not.toMatch(control);
    const ended = ["failed", "cancelled"].includes(state);
    expect(stdout.includes("Nothing needs to be done.")).toBe(ended);
    expect(stdout.includes("outrigger ledger resolve")).toBe(state === "manual");
    expect(stdout.includes("outrigger ledger retry")).toBe(
      ["unknown", "cancelling", "manual"].includes(state),
    );
  },
);

test("show finds by id too, and as JSON it has the history and what is possible", async () => {
  const found = await ledger("show", "pay.manual", "manual", "--json");
  const record = JSON.parse(found.stdout) as Record<string, unknown> & { id: string };
  expect(record).toMatchObject({ state: "MANUAL", possible: ["retry", "cancel", "resolve"] });
  expect(record["history"]).toHaveLength(3);
  expect(JSON.parse((await here("show", record.id, "--json")).stdout)).toMatchObject({ id: record.id });
});

test("the request is shown only when it is asked for, without card numbers", async () => {
  await shop.pool.query(`update outrigger.operation set request = $1 where key = 'ready'`, [
    JSON.stringify({ id: "ready", note: "card 4111 1111 1111 1111 ok", cvc: "123", orderNo: 1234567890123 }),
  ]);
  expect((await here("show", ...at("ready"))).stdout).not.toContain("orderNo");
  const { stdout } = await here("show", ...at("ready"), "--request");
  expect(stdout).toContain('"note": "card [hidden] ok"');
  expect(stdout).toContain('"cvc": "[hidden]"');
  expect(stdout).toContain("1234567890123");
  expect(stdout).not.toMatch(/4111/);
});

test("an operation that is not there is a problem, and says so on stderr", async () => {
  expect(await ledger("show", "pay", "nobody")).toEqual({
    code: 1,
    stdout: "",
    stderr: "error: there is no such operation\n",
  });
});

test("Korean is spoken by option and by environment, in data and in complaints", async () => {
  const shown = await ledger("show", ...at("manual"), "--lang", "ko");
  expect(shown.stdout).toContain("MANUAL: 사람을 기다림");
  expect(shown.stdout).toContain("할 수 있는 것");
  const listed = await spawnCli(["ledger", "list"], { env: { DATABASE_URL: shop.url, LANG: "ko_KR.UTF-8" } });
  expect(lines(listed.stdout)[0]).toMatch(/^상태 +작업 +키/);
  const wrong = await spawnCli(["ledger", "lsit"], { env: { LC_ALL: "ko_KR.UTF-8", LANG: "en_US.UTF-8" } });
  expect(wrong).toMatchObject({ code: 2, stdout: "" });
  expect(wrong.stderr).toContain('알 수 없는 명령 "lsit"; 혹시 list?');
});

test.each([
  [["lsit"], 'unknown command "lsit"; did you mean list?'],
  [["list", "--jsno"], "unknown option --jsno; did you mean --json?"],
  [["list", "--state", "paid"], '--state "paid" is none of READY, SENDING'],
  [["list", "--limit", "0"], "--limit must be a whole number, 1 – 1000"],
  [["list", "--older-than", "10"], "--older-than must be a number with a unit"],
  [["list", "--after", "x"], "--after must be the id of an operation"],
  [["list", "--wants-person", "--state", "done"], "--wants-person means MANUAL"],
  [["list", "--lang", "de"], "--lang must be en or ko"],
  [["list", "--schema", "a;b"], "--schema must be"],
  [["list", "--database", "nonsense"], "--database must be a URL"],
  [["list", "--database", "oracle://u:secret@h/x"], '"oracle" is no database that this command knows'],
  [["list", "--app", "./nothing.ts"], "there is no file ./nothing.ts"],
  [["list", "--app", "a.ts", "--database", "postgres://h/x"], "give one of them"],
  [["show"], "which is missing"],
  [["show", "order-17"], "name the operation by its id, or by its name and its key"],
  [["show", "pay", "a", "b"], "name the operation by its id"],
  [["retry", "pay", "x", "--yes"], "--reason <text> is required"],
  [["retry", "pay", "x", "--reason", " ", "--yes"], "--reason must say why"],
  [["retry", "pay", "x", "--reason", "r", "--by", "", "--yes"], "--by must say who"],
  [["retry", "pay", "x", "--reason", "r"], "retry can move money, and nobody can be asked here"],
  [["resolve", "pay", "x", "--reason", "r", "--as", "committed"], "--app <module> is required"],
  [
    ["resolve", "pay", "x", "--reason", "r", "--as", "paid", "--app", "a.ts", "--yes"],
    "--as must be committed or abandoned",
  ],
] as const)("wrong use ends with 2, says why, and changes nothing: %j", async (args, message) => {
  const { code, stdout, stderr } = await here(...args);
  expect([code, stdout]).toEqual([2, ""]);
  expect(stderr).toContain(message);
  expect(stderr).not.toContain("secret");
});

test("without a database, a URL or an app there is nothing to look at", async () => {
  const { code, stderr } = await spawnCli(["ledger", "list"]);
  expect([code, stderr]).toEqual([
    2,
    "error: say where the ledger is: --database <url>, DATABASE_URL, or --app <module>\n",
  ]);
});

test("a database that refuses, or says nothing, ends with 3, and no password is shown", async () => {
  const refused = await ledger("list", "--database", "postgres://me:geheim@127.0.0.1:1/x?password=geheim");
  expect(refused).toMatchObject({ code: 3, stdout: "" });
  expect(refused.stderr).toBe(
    "error: the database postgres://me@127.0.0.1:1/x could not be reached: connect ECONNREFUSED 127.0.0.1:1\n",
  );
  const silent = createServer(() => {}).listen(0, "127.0.0.1");
  await once(silent, "listening");
  const { port } = silent.address() as AddressInfo;
  const hung = await ledger("list", "--database", `postgres://me@127.0.0.1:${port}/x`, "--timeout", "300ms");
  silent.close();
  expect([hung.code, hung.stdout]).toEqual([3, ""]);
});

test("tables that are not there are a problem with a fix", async () => {
  const { code, stderr } = await here("list", "--schema", "elsewhere");
  expect([code, stderr]).toEqual([1, expect.stringContaining("call await ledger.migrate() in your app")]);
});

test.each([
  ["one line", "head -1", 1],
  ["nothing at all", "true", 0],
])("a reader that has seen enough with %s is no failure", async (_, reader, shown) => {
  const run = `"${process.execPath}" --conditions=@outrigger/source "${bin}" ledger list --all --limit 1 --json`;
  const child = spawn("bash", ["-c", `${run} | ${reader}; echo "\${PIPESTATUS[0]}"`], {
    env: cleanEnv({ DATABASE_URL: shop.url }),
    stdio: ["ignore", "pipe", "pipe"],
  });
  const [stdout, stderr] = await Promise.all([text(child.stdout), text(child.stderr)]);
  expect(stderr).toBe("");
  expect(lines(stdout)).toHaveLength(shown + 1);
  expect(lines(stdout).at(-1)).toBe("0");
});

test("Ctrl-C ends a command that waits for a database, at once and with 130", async () => {
  const silent = createServer((socket) => socket.on("error", () => {})).listen(0, "127.0.0.1");
  await once(silent, "listening");
  const { port } = silent.address() as AddressInfo;
  const ended = await spawnCli(
    ["ledger", "list", "--database", `postgres://me@127.0.0.1:${port}/x`, "--timeout", "1h"],
    {
      started: (child) => silent.once("connection", () => child.kill("SIGINT")),
    },
  );
  silent.close();
  expect(ended).toEqual({ code: 130, stdout: "", stderr: "error: interrupted\n" });
});

test("help is an answer: on stdout, with examples and exit codes, and 0", async () => {
  for (const args of [
    ["--help"],
    ["ledger", "--help"],
    ["ledger", "cancel", "--help"],
    ["ledger", "doctor", "-h"],
  ]) {
    const { code, stdout, stderr } = await ran(args);
    expect([code, stderr]).toEqual([0, ""]);
    expect(stdout).toContain("Usage: outrigger");
    if (args.length === 3) expect(stdout).toMatch(/Examples:\n {2}\$ outrigger[\s\S]*Exit codes:\n {2}0 /);
  }
  const version = await spawnCli(["--version"]);
  expect(version.stdout).toMatch(/^\d+\.\d+\.\d+\n$/);
  const nothing = await spawnCli([]);
  expect([nothing.code, nothing.stdout]).toEqual([2, ""]);
  expect(nothing.stderr).toContain("Usage: outrigger");
});
