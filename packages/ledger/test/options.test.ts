import { createLedger, fromPgPool } from "@outrigger/ledger";
import pg from "pg";
import { expect, test } from "vitest";

test("wrong options are refused at construction, and the message names the option and the fix", async () => {
  const pool = new pg.Pool();
  const sql = fromPgPool(pool);
  const cases: readonly [object, string][] = [
    [{ sql: pool, schema: "x" }, "ledger.sql must be a SqlPort, such as fromPgPool(pool)"],
    [{ sql, schema: "Robert'); drop table" }, "ledger.schema must be 1 to 63 of a-z"],
    [{ sql, schema: "pg_toast" }, 'not starting with a digit or "pg_"'],
    [{ sql, lease: 15 }, 'write "15ms" if milliseconds were meant'],
    [{ sql, lease: "1d" }, "ledger.lease must lie between 100ms and 1h"],
    [{ sql, concurrency: 0 }, "ledger.concurrency must be a whole number, at least 1; got 0"],
    [{ sql, pollEvry: "1s" }, 'did you mean "pollEvery"?'],
    [{ sql, drain: "soon" }, "ledger.drain must be a duration"],
  ];
  for (const [options, message] of cases) expect(() => createLedger(options as never)).toThrow(message);
  await pool.end();
});

test("an operation is defined once", async () => {
  const pool = new pg.Pool();
  const ledger = createLedger({ sql: fromPgPool(pool) });
  const nothing = async (): Promise<void> => {};
  const definition = { prepare: nothing, commit: nothing, abandon: nothing, call: nothing, cancel: nothing };
  ledger.operation("pay", definition);
  expect(() => ledger.operation("pay", definition)).toThrow('operation "pay" is already defined');
  await pool.end();
});
