import { randomBytes } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import type { Client } from "pg";
import { type DatabaseServer, type PostgresOptions, startPostgres } from "./start-postgres.ts";

export interface Database {
  readonly url: string;
  readonly name: string;
  /** Drops the database. Sessions that are still in it have a moment to leave, and are ended then. */
  drop(): Promise<void>;
}

/**
 * The server given in `DATABASE_URL`, which is left running, or else one of our own that does not wait for the
 * disk.
 */
export async function databaseForTests(options: PostgresOptions = {}): Promise<DatabaseServer> {
  const url = process.env["DATABASE_URL"];
  if (url !== undefined && url !== "") return { url, async stop() {} };
  return await startPostgres({ fsync: false, ...options });
}

/**
 * A new database on this server, for one test file.
 *
 * @param name - What its name begins with; a random ending keeps two runs on one server apart. Letters, digits
 * and underscores, at most 40.
 */
export async function createDatabase(url: string, name: string): Promise<Database> {
  const unique = uniqueDatabaseName(name);
  await connected(url, (client) => client.query(`create database ${unique}`));
  const own = new URL(url);
  own.pathname = `/${unique}`;
  return {
    url: own.href,
    name: unique,
    drop: () =>
      connected(url, async (client) => {
        await emptied(client, unique);
        await client.query(`drop database if exists ${unique} with (force)`);
      }),
  };
}

/** @throws RangeError for what would have to be quoted, or is too long. */
export function uniqueDatabaseName(name: string): string {
  if (!/^[a-z_][a-z0-9_]{0,39}$/.test(name)) {
    throw new RangeError(
      `name must be 1 to 40 small letters, digits and underscores; got ${JSON.stringify(name)}`,
    );
  }
  return `${name}_${randomBytes(4).toString("hex")}`;
}

/** How long those who are leaving have: a pool's end resolves before its connections are closed. */
const leaveWithinMs = 1_000;

async function emptied(client: Client, name: string): Promise<void> {
  for (const untilMs = performance.now() + leaveWithinMs; performance.now() < untilMs; await sleep(5)) {
    const { rows } = await client.query("select from pg_stat_activity where datname = $1 limit 1", [name]);
    if (rows.length === 0) return;
  }
}

async function connected(url: string, work: (client: Client) => Promise<unknown>): Promise<void> {
  // Loaded where it is needed: most users of the lab want a clock and no database.
  const { default: pg } = await import("pg");
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    await work(client);
  } finally {
    await client.end();
  }
}
