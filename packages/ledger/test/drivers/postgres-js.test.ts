import { fromPostgresJs } from "@outrigger/ledger/postgres-js";
import postgres from "postgres";
import { expect, test } from "vitest";
import { useMarks } from "./marks.ts";
import { describePort } from "./port-suite.ts";

describePort<postgres.TransactionSql>({
  name: "postgres.js",
  listens: true,
  diesOfLoss: true,
  open(url) {
    const sql = postgres(url, { max: 2, transform: postgres.camel, onnotice: () => {} });
    return {
      port: fromPostgresJs(sql),
      pool: sql,
      run: (tx, text) => tx.unsafe(text),
      transaction: (work) => sql.begin(work) as never,
      close: () => sql.end({ timeout: 0 }),
    };
  },
});

const marks = useMarks("postgres_js_own");

test("serializers and parsers of the user's change nothing", async () => {
  const upper = (value: unknown): string => String(value).toUpperCase();
  const sql = postgres(marks.url, {
    max: 1,
    fetch_types: false,
    types: {
      json: { to: 114, from: [114], serialize: upper, parse: upper },
      float: { to: 701, from: [701], serialize: String, parse: (value: string) => value },
    },
  });
  const [row] = await fromPostgresJs(sql).query(
    "select $1::json::text as json, to_json($2::text[])::text as list, $3::float8::text as number",
    ['{"a":"b"}', ["x", 'y"z'], 0.5],
  );
  expect({ ...row }).toEqual({ json: '{"a":"b"}', list: '["x","y\\"z"]', number: "0.5" });
  await sql.end();
});

test("a savepoint is joined as the transaction that it is part of", async () => {
  const sql = postgres(marks.url, { max: 1 });
  const { join } = fromPostgresJs(sql);
  await sql.begin(async (tx) => {
    const running = tx.savepoint(async (inner) => {
      await join(inner)("insert into marks (id) values ($1)", ["savepoint"]);
      throw new Error("not that");
    });
    await expect(running).rejects.toThrow("not that");
  });
  expect(await marks.stored("savepoint")).toBe(false);
  await sql.end();
});

test("a reserved connection outside of a transaction is refused", async () => {
  const sql = postgres(marks.url, { max: 1 });
  const reserved = await sql.reserve();
  expect(() => fromPostgresJs(sql).join(reserved as never)).toThrow(/^tx must be /);
  reserved.release();
  await sql.end();
  expect(() => fromPostgresJs({} as never)).toThrow("fromPostgresJs needs what postgres(...)");
});
