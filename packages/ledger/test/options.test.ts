import { createLedger, fromPgPool } from "@outrigger/ledger";
import pg from "pg";
import { expect, test } from "vitest";

test("wrong options are refused at construction, and the message names the option and the fix", async () => {
  const pool = new pg.Pool();
  const sql = fromPgPool(pool);
  const cases: readonly [object, string][] = [
    [{ sql: pool, schema: "x" }, "ledger.sql must be a SqlPort, such as fromPgPool(pool)"],
    [{ sql, schema: "Robert'); drop table" }, "ledger.schema must be 1 to 63 of a-z"],
    [{ sql, schema: "pg_toast" }, 'not starting with a digit, "pg_" or "sqlite"'],
    [{ sql, schema: "sqlite" }, "ledger.schema"],
    [{ sql, lease: 15 }, 'write "15ms" if milliseconds were meant'],
    [{ sql, lease: "1d" }, "ledger.lease must lie between 100ms and 1h"],
    [{ sql, concurrency: 0 }, "ledger.concurrency must be a whole number, at least 1; got 0"],
    [{ sql, pollEvry: "1s" }, 'did you mean "pollEvery"?'],
    [{ sql, statementTimeout: 5 }, "ledger.statementTimeout"],
    [{ sql, drain: "soon" }, "ledger.drain must be a duration"],
    [{ sql: { ...sql, isTransient: undefined } }, "ledger.sql must be a SqlPort, such as fromPgPool(pool)"],
    [{ sql: { ...sql, join: undefined } }, "without the function join"],
    [{ sql, wakeUp: "yes" }, "ledger.wakeUp must be true or false"],
    [{ sql, retention: { moveAfter: 7 } }, "ledger.retention.moveAfter"],
    [{ sql, retention: { keep: "7d" } }, "ledger.retention.keep is not an option"],
    [{ sql, retention: { batch: 0 } }, "ledger.retention.batch must be a whole number, at least 1"],
    [{ sql: { ...sql, dialect: "oracle" } }, 'ledger.sql.dialect must be one of "postgres"'],
    [{ sql, clock: {} }, "ledger.clock.now must be a function; got undefined"],
    [{ sql, clock: 5 }, "ledger.clock must be an object; got 5"],
    [{ sql, random: 5 }, "ledger.random must be a function; got 5"],
    [{ sql, onEvent: 5 }, "ledger.onEvent must be a function; got 5"],
    [{ sql, onStep: 5 }, "ledger.onStep must be a function; got 5"],
  ];
  for (const [options, message] of cases) expect(() => createLedger(options as never)).toThrow(message);
  await pool.end();
});

test("a listener that throws, at once or later, changes nothing and ends no process", async () => {
  const pool = new pg.Pool();
  let heard = 0;
  // An unhandled rejection would fail the test run.
  const later = async (): Promise<void> => {
    heard += 1;
    throw new Error("later");
  };
  const atOnce = (): void => {
    heard += 1;
    throw new Error("at once");
  };
  for (const onEvent of [later, atOnce]) {
    const ledger = createLedger({ sql: fromPgPool(pool), onEvent });
    ledger.start();
    await ledger.stop();
  }
  await new Promise((resolve) => setImmediate(resolve));
  expect(heard).toBe(4);
  await pool.end();
});

test("an operation is defined once", async () => {
  const pool = new pg.Pool();
  const ledger = createLedger({ sql: fromPgPool(pool) });
  const nothing = async (): Promise<void> => {};
  const definition = {
    prepare: nothing,
    commit: nothing,
    abandon: nothing,
    call: nothing,
    accept: "none",
  } as const;
  ledger.operation("pay", definition);
  expect(() => ledger.operation("pay", definition)).toThrow('operation "pay" is already defined');
  await pool.end();
});
