import { Failure } from "@outrigger/core";
import { VirtualClock } from "@outrigger/lab";
import { beforeEach, expect, test } from "vitest";
import type { SqlBounds, SqlRow } from "../../store/sql-port.ts";
import { type Library, portOf } from "./library.ts";

const unavailable = { code: "DATABASE_UNAVAILABLE", effect: "none" };
let clock: VirtualClock;
let bounds: SqlBounds;
/** What was sent, in order; the library's own COMMIT and ROLLBACK included. */
let sent: string[];

beforeEach(() => {
  clock = new VirtualClock();
  bounds = { clock, statementMs: 1_000, transactionMs: 5_000 };
  sent = [];
});

/** A library on no database: each statement is answered by `answer`. */
function libraryThat(
  answer: (text: string) => Promise<readonly SqlRow[]>,
  rest: Partial<Library<object>> = {},
): Library<object> {
  const send = async (text: string): Promise<readonly SqlRow[]> => {
    sent.push(text.includes("txid_current_if_assigned") ? "check" : (text.split(" ")[0] ?? ""));
    return text.startsWith("select txid_current()") ? [{ number: "7" }] : await answer(text);
  };
  return {
    meant: "a transaction of the test's",
    query: (text) => send(text),
    send: (_, text) => send(text),
    async transaction(work) {
      try {
        await work({});
        await send("commit");
      } catch (error) {
        await send("rollback");
        throw error;
      }
    },
    isTransaction: () => true,
    close() {},
    ...rest,
  };
}

const atOnce = (text: string): Promise<readonly SqlRow[]> =>
  Promise.resolve(text.includes("txid_status") ? [{ state: "committed" }] : []);

test("a check that is answered when the ledger has given up leads to no COMMIT", async () => {
  const checked = Promise.withResolvers<readonly SqlRow[]>();
  const port = portOf(libraryThat((text) => (text.includes("if_assigned") ? checked.promise : atOnce(text))));
  const running = port.transaction(() => Promise.resolve("done"), bounds);
  const outcome = expect(running).rejects.toMatchObject(unavailable);
  await clock.advance(1_000);
  await outcome;
  checked.resolve([]);
  await clock.advance(0);
  expect(sent).toContain("rollback");
  expect(sent).not.toContain("commit");
});

test("work that ends in the turn in which it is given up leads to no COMMIT", async () => {
  const port = portOf(libraryThat(atOnce));
  const gate = Promise.withResolvers<string>();
  const running = port.transaction(() => gate.promise, bounds);
  const outcome = expect(running).rejects.toMatchObject(unavailable);
  clock.setTimer(4_999, () => {});
  await clock.advance(5_000);
  gate.resolve("done");
  await outcome;
  await clock.advance(0);
  expect(sent).not.toContain("commit");
  expect(clock.pending).toBe(0);
});

test("a transaction that begins after the ledger gave up runs nothing", async () => {
  const begun = Promise.withResolvers<void>();
  const library = libraryThat(atOnce);
  const port = portOf({
    ...library,
    transaction: async (work) => {
      await begun.promise;
      await library.transaction(work);
    },
  });
  let ran = false;
  const running = port.transaction(async () => {
    ran = true;
  }, bounds);
  const outcome = expect(running).rejects.toMatchObject(unavailable);
  await clock.advance(1_000);
  await outcome;
  begun.resolve();
  await clock.advance(0);
  expect([ran, sent]).toEqual([false, ["rollback"]]);
});

test("what is known to be committed stands, whatever becomes of the library's own COMMIT", async () => {
  const script = (_: object, text: string): Promise<unknown> => {
    expect(text).toMatch(/^select .*= 7 .*; commit; begin$/);
    return Promise.resolve();
  };
  const broken = portOf(
    libraryThat((text) => (text === "commit" ? Promise.reject(new Error("gone")) : atOnce(text)), { script }),
  );
  expect(await broken.transaction(() => Promise.resolve("done"), bounds)).toBe("done");
  const silent = portOf(
    libraryThat((text) => (text === "commit" ? new Promise(() => {}) : atOnce(text)), { script }),
  );
  const running = silent.transaction(() => Promise.resolve("done"), bounds);
  await clock.advance(1_000);
  expect(await running).toBe("done");
});

test.each([
  ["committed", "done"],
  ["aborted", { code: "TRANSACTION_ABORTED", effect: "none" }],
  ["in progress", { code: "COMMIT_UNKNOWN", effect: "unknown" }],
  [undefined, { code: "COMMIT_UNKNOWN", effect: "unknown" }],
])("of a COMMIT of the library's that succeeded the database says %j", async (state, expected) => {
  const port = portOf(
    libraryThat((text) =>
      text.includes("txid_status") ? Promise.resolve([{ state }]) : Promise.resolve([]),
    ),
  );
  const outcome = await port
    .transaction(() => Promise.resolve("done"), bounds)
    .catch((error: unknown) => error);
  if (typeof expected === "string") expect(outcome).toBe(expected);
  else expect(outcome).toMatchObject(expected);
});

test("a mistake in how the library is set up comes through as it is", async () => {
  const mistake = new TypeError("call initialize() first");
  const port = portOf(libraryThat(atOnce, { transaction: () => Promise.reject(mistake) }));
  await expect(port.transaction(() => Promise.resolve(), bounds)).rejects.toBe(mistake);
});

test("a COMMIT that was kept from being sent, as the guard does, is neither sent nor unknown", async () => {
  const kept = new Failure("called in a transaction", { code: "CALL_IN_TRANSACTION", effect: "none" });
  const port = portOf(libraryThat(atOnce, { script: () => Promise.reject(kept) }));
  await expect(port.transaction(() => Promise.resolve(), bounds)).rejects.toBe(kept);
});
