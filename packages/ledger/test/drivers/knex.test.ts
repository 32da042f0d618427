import { fromKnex } from "@outrigger/ledger/knex";
import knex, { type Knex } from "knex";
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
