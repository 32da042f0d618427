import type { DatabaseAddress, DatabaseKind, ShopDatabase } from "./shop-database.ts";

/** Each is loaded where it is chosen: a shop has one driver, and of `node:sqlite` Node warns where it is new. */
const openers: Readonly<Record<DatabaseKind, (url: string) => Promise<ShopDatabase>>> = {
  postgres: async (url) => (await import("./postgres.ts")).openPostgres(url),
  mariadb: async (url) => (await import("./mariadb.ts")).openMariadb(url),
  sqlite: async (url) => (await import("./sqlite.ts")).openSqlite(url),
};

export async function openDatabase({ kind, url }: DatabaseAddress): Promise<ShopDatabase> {
  return await openers[kind](url);
}
