import { userInfo } from "node:os";
import { type SagaRecord, sagaStates } from "@outrigger/ledger";
import { beforeAll, describe, expect, test, vi } from "vitest";
import { ended, keyAt, type StepName, tripNode } from "../../ledger/test/saga/support.ts";
import { useShop } from "../../ledger/test/support/shop.ts";
import { ran } from "./support/in-process.ts";
import { type Ended, spawnCli } from "./support/spawn-cli.ts";

const shop = useShop("cli_sagas");
const because = ["--reason", "the hotel answers again", "--yes"];

const ledger = (...args: string[]): Promise<Ended> =>
  spawnCli(["ledger", ...args], { env: { DATABASE_URL: shop.url } });
/** The same in this process, for what is the same there. */
const here = (...args: string[]): Promise<Ended> => ran(["ledger", ...args], { DATABASE_URL: shop.url });
const sagas = (...args: string[]): Promise<Ended> => here("sagas", ...args);
const lines = (of: string): string[] => of.split("\n").filter((line) => line !== "");

/** A process with the saga "trip", which makes them until it is closed. */
function travel() {
  const node = tripNode(shop, {
    definitions: {
      hotel: { unknown: { notFoundAfter: "0ms", retryFirst: "5ms", retryMax: "10ms", manualAfter: "30ms" } },
    },
  });
  return { node, saga: node.saga([node.step("flight"), node.step("hotel"), node.step("pay")]) };
}

const modeOf = (step: StepName, id: string, mode: object): void =>
  void shop.a.modes.set(keyAt("trip", step, id), mode);

/** One whose hotel waits for a person. */
async function stuck(id: string): Promise<void> {
  const { node, saga } = travel();
  modeOf("hotel", id, { charge: "replyLost", failInquiries: 1_000_000 });
  node.ledger.start();
  await saga.run({ id }, { key: id });
  await vi.waitFor(async () => expect((await saga.find(id))?.state).toBe("MANUAL"), { timeout: 30_000 });
  await node.close();
}

beforeAll(async () => {
  const { node, saga } = travel();
  node.ledger.start();
  await saga.run({ id: "done" }, { key: "done" });
  modeOf("pay", "back", { charge: "declined" });
  await saga.run({ id: "back" }, { key: "back" });
  expect(await ended(node, "back")).toBe("COMPENSATED");
  await node.close();
  await stuck("stuck");
  const other = travel();
  await other.saga.enqueue({ id: "new" }, { key: "new" });
  await other.node.close();
}, 120_000);

describe("a list", () => {
  test("shows the sagas that have not ended, and the step at which each stands", async () => {
    const { code, stdout, stderr } = await ledger("sagas");
    expect([code, stderr]).toEqual([0, ""]);
    const [head = "", ...rows] = lines(stdout);
    expect(head).toMatch(/^STATE +SAGA +VERSION +KEY +AGE +STILL FOR +NEXT +AT +LAST ERROR +ID$/);
    expect(rows).toHaveLength(2);
    expect(rows.find((row) => row.startsWith("MANUAL"))).toMatch(
      /^MANUAL +trip +1 +stuck +.* a person +hotel .*[0-9a-f-]{36}$/,
    );
    expect(rows.find((row) => row.startsWith("RUNNING"))).toMatch(/ trip +1 +new /);
  });

  test("as JSON has a line for each, with its steps and without its history", async () => {
    const { code, stdout, stderr } = await ledger("sagas", "list", "--json", "--state", sagaStates.join(","));
    expect([code, stderr]).toEqual([0, ""]);
    const records = lines(stdout).map((line) => JSON.parse(line) as SagaRecord);
    expect(records.map(({ key, state }) => `${key} ${state}`).toSorted()).toEqual([
      "back COMPENSATED",
      "done DONE",
      "new RUNNING",
      "stuck MANUAL",
    ]);
    expect(records.every((record) => !("history" in record))).toBe(true);
    expect(records.find(({ key }) => key === "done")?.steps.map(({ step, state }) => [step, state])).toEqual([
      ["flight", "DONE"],
      ["hotel", "DONE"],
      ["pay", "DONE"],
    ]);
  });

  test("says how a page goes on, and --all needs no pages", async () => {
    const every = ["--state", sagaStates.join(",")];
    const first = await sagas("list", "--limit", "3", "--json", ...every);
    const last = JSON.parse(lines(first.stdout).at(-1) ?? "") as { id: string };
    expect([lines(first.stdout).length, first.stderr]).toEqual([
      3,
      `there are more: --after ${last.id}, or --all\n`,
    ]);
    const rest = await sagas("list", "--after", last.id, "--json", ...every);
    expect([lines(rest.stdout).length, rest.stderr]).toEqual([1, ""]);
    expect(lines((await sagas("list", "--all", "--limit", "1", ...every)).stdout)).toHaveLength(5);
  });

  test("can be of what waits for a person, and of one name; where there is none it says so", async () => {
    expect(lines((await sagas("list", "--wants-person", "--json")).stdout)).toHaveLength(1);
    expect(lines((await sagas("list", "--saga", "trip", "--json")).stdout)).toHaveLength(2);
    expect(await sagas("list", "--saga", "cruise")).toEqual({
      code: 0,
      stdout: "",
      stderr: "no saga is like that\n",
    });
  });
});

describe("show", () => {
  test("tells what a saga that waits for a person waits for, and which command looks at that step", async () => {
    const { code, stdout } = await ledger("sagas", "show", "trip", "stuck");
    expect(code).toBe(0);
    for (const part of [
      "Its steps",
      "What happened",
      "What is known",
      "What happens next",
      "What you can do",
    ])
      expect(stdout).toContain(`\n${part}`);
    expect(stdout).toContain("MANUAL: waits for a person");
    expect(stdout).toMatch(/flight +do it +DONE +trip\.flight +trip:stuck:flight/);
    expect(stdout).toMatch(/hotel +do it +MANUAL +trip\.hotel +trip:stuck:hotel/);
    expect(stdout).toContain("RUNNING → MANUAL");
    expect(stdout).toContain("a step needs a person");
    const [, step = ""] = /outrigger ledger show ([0-9a-f-]{36})/.exec(stdout) ?? [];
    expect((await here("show", step)).stdout).toContain("trip.hotel trip:stuck:hotel");
    expect(stdout).toMatch(/outrigger ledger sagas retry [0-9a-f-]{36} --reason/);
    expect(stdout).toMatch(/outrigger ledger sagas cancel [0-9a-f-]{36} --reason/);
  });

  test("tells why one turned back, and that nothing needs to be done about what has ended", async () => {
    const { stdout } = await sagas("show", "trip", "back");
    expect(stdout).toContain("COMPENSATED: nothing stands");
    expect(stdout).toContain("it turned back because of pay");
    expect(stdout).toContain("It turned back because of pay: ");
    expect(stdout).toMatch(/flight +do it +CANCELLED/);
    expect(stdout).toContain("Nothing needs to be done.");
    expect((await sagas("show", "trip", "done")).stdout).toContain("DONE: every step stands");
  });

  test("finds by id too, and as JSON it has the history and what is possible", async () => {
    const found = JSON.parse((await ledger("sagas", "show", "trip", "stuck", "--json")).stdout) as SagaRecord;
    expect(found).toMatchObject({ state: "MANUAL", possible: ["retry", "cancel"] });
    expect(found.history.map(({ why }) => why)).toEqual(["created", "needs a person"]);
    expect(Date.parse(found.progressAt)).toBeGreaterThanOrEqual(Date.parse(found.createdAt));
    expect(Date.parse(found.asOf)).toBeGreaterThan(Date.parse(found.progressAt));
    expect(JSON.parse((await sagas("show", found.id, "--json")).stdout)).toMatchObject({ key: "stuck" });
  });

  test("speaks Korean", async () => {
    const { stdout } = await sagas("show", "trip", "stuck", "--lang", "ko");
    expect(stdout).toContain("MANUAL: 사람을 기다림");
    expect(stdout).toMatch(/hotel +실행 +MANUAL/);
    expect((await sagas("--lang", "ko")).stdout).toMatch(/^상태 +사가 +버전 +키/);
  });

  test("of one that is not there is a problem", async () => {
    expect(await ledger("sagas", "show", "trip", "nobody")).toEqual({
      code: 1,
      stdout: "",
      stderr: "error: there is no such saga\n",
    });
  });
});

describe("retry", () => {
  test("puts a saga and the step that waits for a person back to work, and says who and why", async () => {
    await stuck("again");
    const { code, stdout, stderr } = await ledger("sagas", "retry", "trip", "again", ...because);
    expect([code, stdout]).toEqual([0, "It is MANUAL now.\nNext: now.\n"]);
    expect(stderr).toContain("retry trip again (MANUAL)");
    expect(stderr).toContain("because: the hotel answers again");
    expect(stderr).toContain(`by ${userInfo().username} (the user of this machine)`);
    const { rows } = await shop.pool.query(
      "select state from outrigger.operation where key = 'trip:again:hotel'",
    );
    expect(rows).toEqual([{ state: "UNKNOWN" }]);
    // The provider answers again; any process takes it to its end.
    modeOf("hotel", "again", {});
    const { node } = travel();
    node.ledger.start();
    expect(await ended(node, "again")).toBe("DONE");
    const told = JSON.parse((await sagas("show", "trip", "again", "--json")).stdout) as SagaRecord;
    expect(told.history.find(({ why }) => why === "operatorRetry")).toMatchObject({
      evidence: "the hotel answers again",
      by: userInfo().username,
    });
  });

  test.each(["done", "back"])("of what has ended is refused (%s)", async (key) => {
    const { code, stdout, stderr } = await sagas("retry", "trip", key, ...because);
    expect([code, stdout]).toEqual([1, ""]);
    expect(stderr).toContain("needs no retry");
  });
});

describe("cancel", () => {
  test("turns a saga back, and what took effect is undone", async () => {
    await stuck("unwanted");
    const { code, stdout } = await ledger("sagas", "cancel", "trip", "unwanted", ...because, "--json");
    expect([code, JSON.parse(stdout)]).toEqual([
      0,
      expect.objectContaining({ key: "unwanted", cancelRequested: true }),
    ]);
    const shown = JSON.parse((await sagas("show", "trip", "unwanted", "--json")).stdout) as object;
    expect(shown).toMatchObject({ possible: ["retry"] });
    modeOf("hotel", "unwanted", {});
    const { node } = travel();
    node.ledger.start();
    expect(await ended(node, "unwanted")).toBe("COMPENSATED");
    expect(await shop.status("unwanted/flight")).toBe("void");
  });

  test.each([
    ["done", "undo it by a saga of its own"],
    ["back", "nothing of it stands"],
  ])("of what has ended is refused, and changes nothing (%s)", async (key, message) => {
    const before = (await sagas("show", "trip", key, "--json")).stdout;
    const { code, stdout, stderr } = await sagas("cancel", "trip", key, ...because);
    expect([code, stdout]).toEqual([1, ""]);
    expect(stderr).toContain(message);
    const { asOf: _, ...after } = JSON.parse((await sagas("show", "trip", key, "--json")).stdout);
    const { asOf: __, ...was } = JSON.parse(before);
    expect(after).toEqual(was);
  });
});

test.each([
  [["list", "--state", "paid"], '--state "paid" is none of RUNNING, COMPENSATING, MANUAL, DONE, COMPENSATED'],
  [["list", "--limit", "0"], "--limit must be a whole number, 1 – 1000"],
  [["list", "--after", "x"], "--after must be the id of an operation, or of a saga"],
  [["--wants-person", "--state", "done"], "--wants-person means MANUAL"],
  [["show"], "which is missing"],
  [["show", "trip-17"], "name the saga by its id, or by its name and its key"],
  [["retry", "trip", "x", "--yes"], "--reason <text> is required"],
  [["cancel", "trip", "x", "--reason", " ", "--yes"], "--reason must say why"],
  [["cancel", "trip", "x", "--reason", "r"], "sagas cancel can move money, and nobody can be asked here"],
  [["cancle", "trip"], "see: outrigger ledger sagas --help"],
  [["show", "--jsno", "trip", "x"], "see: outrigger ledger sagas show --help"],
] as const)("wrong use ends with 2, says why, and changes nothing: %j", async (args, message) => {
  const { code, stdout, stderr } = await sagas(...args);
  expect([code, stdout]).toEqual([2, ""]);
  expect(stderr).toContain(message);
});

describe("doctor", () => {
  const checked = async (): Promise<readonly { check: string; level: string; says: string; fix: string }[]> =>
    JSON.parse((await here("doctor", "--json")).stdout).findings;

  test("tells of sagas that wait for a person, and how to look at them", async () => {
    const people = (await checked()).filter(({ check, level }) => check === "people" && level === "bad");
    expect(people.map(({ says }) => says)).toContainEqual(expect.stringMatching(/^1 saga MANUAL/));
    expect(people.at(-1)?.fix).toContain("outrigger ledger sagas list --wants-person");
  });

  test("tells of a version that no running process has", async () => {
    await travel().saga.enqueue({ id: "left" }, { key: "left" });
    expect((await checked()).find(({ check }) => check === "sagas")?.level).toBe("ok");
    await shop.pool.query("update outrigger.saga set due_at = now() - interval '2 h' where key = 'left'");
    const found = (await checked()).find(({ check }) => check === "sagas");
    expect(found).toMatchObject({ level: "bad" });
    expect(found?.says).toBe(
      "no running process takes up trip 1 (due for 2 h): their steps stay as they are",
    );
    expect((await sagas("show", "trip", "left")).stdout).toContain("perhaps no process has version 1 of it");
  });
});
