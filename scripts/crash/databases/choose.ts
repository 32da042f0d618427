import type { Client, Connection, CrashDatabase, DatabaseName } from "./database.ts";
import { mariadbClient, mariadbDatabase } from "./mariadb.ts";
import { postgresClient, postgresDatabase } from "./postgres.ts";
import { sqliteClient, sqliteDatabase } from "./sqlite.ts";

const servers: Readonly<Record<DatabaseName, () => Promise<CrashDatabase>>> = {
  postgres: postgresDatabase,
  sqlite: sqliteDatabase,
  mariadb: mariadbDatabase,
};

export const startDatabase = (name: DatabaseName): Promise<CrashDatabase> => servers[name]();

/** A client's transaction is of a type of its own, so that what uses it comes to it. */
export function withClient<R>(
  { kind, url }: Connection,
  connections: number,
  use: <Tx>(client: Client<Tx>) => R,
): R {
  switch (kind) {
    case "postgres":
      return use(postgresClient(url, connections));
    case "sqlite":
      return use(sqliteClient(url));
    case "mariadb":
      return use(mariadbClient(url, connections));
  }
}
