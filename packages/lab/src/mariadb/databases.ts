import { type Database, uniqueDatabaseName } from "../postgres/databases.ts";
import type { DatabaseServer } from "../postgres/start-postgres.ts";
import { givenUrl } from "./find-mariadb.ts";
import { type MariadbOptions, startMariadb } from "./start-mariadb.ts";

/**
 * The server given in `MARIADB_URL`, which is left running, or else one of our own that does not wait for the disk. Ask
 * {@link mariadbMissing} first whether there can be one.
 */
export async function mariadbForTests(options: MariadbOptions = {}): Promise<DatabaseServer> {
  const url = givenUrl();
  if (url !== undefined) return { url, async stop() {} };
  return await startMariadb({ fsync: false, ...options });
}

/**
 * A new database on this MariaDB or MySQL server, for one test file; see `createDatabase`.
 *
 * @param name - What its name begins with.
 */
export async function createMariadbDatabase(url: string, name: string): Promise<Database> {
  const unique = uniqueDatabaseName(name);
  await run(url, `create database ${unique}`);
  const own = new URL(url);
  own.pathname = `/${unique}`;
  return { url: own.href, name: unique, drop: () => run(url, `drop database if exists ${unique}`) };
}

async function run(url: string, statement: string): Promise<void> {
  // Loaded where it is needed: most users of the lab want a clock and no database.
  const { createConnection } = await import("mysql2/promise");
  const connection = await createConnection(url);
  try {
    await connection.query(statement);
  } finally {
    await connection.end();
  }
}
