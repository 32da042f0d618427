import { fromKysely } from "@outrigger/ledger/kysely";
import { CamelCasePlugin, CompiledQuery, Kysely, PostgresDialect, type Transaction } from "kysely";
import pg from "pg";
import { describePort } from "./port-suite.ts";

interface Schema {
  readonly orders: { readonly id: string; readonly status: string; readonly note: string | null };
}

describePort<Transaction<Schema>>({
  name: "Kysely",
  listens: false,
  open(url) {
    const pool = new pg.Pool({ connectionString: url, max: 2 });
    pool.on("error", () => {});
    // Without it a connection that breaks between two statements ends the process: Kysely does not listen.
    pool.on("connect", (client) => client.on("error", () => {}));
    const db = new Kysely<Schema>({
      dialect: new PostgresDialect({ pool }),
      plugins: [new CamelCasePlugin()],
    });
    return {
      port: fromKysely(db),
      pool: db,
      run: (tx, text) => tx.executeQuery(CompiledQuery.raw(text)),
      transaction: (work) => db.transaction().execute(work),
      close: () => db.destroy(),
    };
  },
});
