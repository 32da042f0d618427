import { fromKnex } from "@outrigger/ledger/knex";
import knex, { type Knex } from "knex";
import { afterAll, beforeAll, expect, test } from "vitest";
import { useMarks } from "./marks.ts";
import { describePort } from "./port-suite.ts";

describePort<Knex.Transaction>({
  name: "Knex",
  listens: false,
  open(url) {
    const db = knex({
      client: "pg",
      connection: url,
      pool: { min: 0, max: 2 },
      log: { warn() {} },
      // As objection.js does it: columns get names of JavaScript's.
      postProcessResponse: (response: unknown) => renamed(response),
    });
    return {
      port: fromKnex(db),
      pool: db,
      run: (tx, text) => tx.raw(text),
      transaction: (work) => db.transaction(work),
      close: () => db.destroy(),
    };
  },
});

function renamed(response: unknown): unknown {
  const rows = (response as { rows?: Record<string, unknown>[] }).rows;
  if (!Array.isArray(rows)) return response;
  const camel = (name: string): string => name.replace(/_(.)/g, (_, letter: string) => letter.toUpperCase());
  const named = rows.map((row) => Object.fromEntries(Object.entries(row).map(([k, v]) => [camel(k), v])));
  return { ...(response as object), rows: named };
}

const marks = useMarks("knex_own");
let db: Knex;
beforeAll(() => {
  db = knex({ client: "pg", connection: marks.url, pool: { min: 0, max: 2 } });
});
afterAll(() => db.destroy());

test.each([
  ["commit", "unknown", true],
  ["rollback", "none", false],
] as const)(
  "a function that calls trx.%s() is told so, and what became of it",
  async (name, effect, stands) => {
    const running = fromKnex(db).transaction(async (trx) => {
      await trx("marks").insert({ id: name });
      await trx[name]();
    });
    await expect(running).rejects.toMatchObject({ code: "TRANSACTION_ABORTED", effect });
    expect(await marks.stored(name)).toBe(stands);
  },
);

test("a transaction without a function is joined, and refused once it is completed", async () => {
  const { join } = fromKnex(db);
  const trx = await db.transaction();
  await join(trx)("insert into marks (id) values ($1)", ["awaited"]);
  expect(await marks.stored("awaited")).toBe(false);
  await trx.commit();
  expect(await marks.stored("awaited")).toBe(true);
  expect(() => join(trx)).toThrow(TypeError);
});

test("Knex for another database is refused by name", () => {
  expect(() => fromKnex(knex({ client: "mysql2" }))).toThrow('got one for "mysql"');
  expect(() => fromKnex({} as never)).toThrow("fromKnex needs your Knex instance");
});
