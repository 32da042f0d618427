import { createDatabase, type Database, databaseForTests } from "@outrigger/lab";
import pg from "pg";
import { afterAll, beforeAll } from "vitest";

/** A database of its own for one library, with a table to leave marks in, seen past the library. */
export interface Marks {
  readonly url: string;
  readonly admin: pg.Pool;
  stored(id: string): Promise<boolean>;
}

export function useMarks(name: string): Marks {
  let database: Database | undefined;
  let admin = new pg.Pool();
  beforeAll(async () => {
    const server = await databaseForTests();
    database = await createDatabase(server.url, name);
    admin = new pg.Pool({ connectionString: database.url, max: 2 });
    admin.on("error", () => {});
    await admin.query("create table marks (id text primary key)");
    // Every transaction of a port must say READ COMMITTED by itself.
    await admin.query(`alter database ${database.name} set default_transaction_isolation = 'serializable'`);
  }, 60_000);
  afterAll(async () => {
    await admin.end();
    await database?.drop();
  }, 60_000);
  return {
    get url() {
      return database?.url ?? "";
    },
    get admin() {
      return admin;
    },
    stored: async (id) => (await admin.query("select 1 from marks where id = $1", [id])).rowCount === 1,
  };
}
