import { mkdir, rm } from "node:fs/promises";
import { join } from "node:path";
import { createMariadbDatabase, startMariadb, startPostgres } from "@outrigger/lab";
import type { DatabaseAddress, DatabaseKind } from "./shop-database.ts";

/** Which database, and on which server if there is one already. */
export interface WantedDatabase {
  readonly kind: DatabaseKind;
  /** A server to use instead of one of our own. SQLite has none. */
  readonly url?: string | undefined;
}

interface StartedDatabase {
  readonly address: DatabaseAddress;
  stop(): Promise<void>;
}

/**
 * @param folder - Of this run's own, for the data.
 * @throws Error with the last lines of a server that does not start.
 */
export async function startDatabase(wanted: WantedDatabase, folder: string): Promise<StartedDatabase> {
  const { url, stop } = await starters[wanted.kind](folder, wanted.url);
  return { address: { kind: wanted.kind, url }, stop };
}

interface Started {
  readonly url: string;
  stop(): Promise<void>;
}

const starters: Readonly<Record<DatabaseKind, (folder: string, url?: string) => Promise<Started>>> = {
  async postgres(folder, url) {
    if (url !== undefined) return { url, stop: async () => {} };
    return await startPostgres({ dataDir: join(folder, "postgres") });
  },

  /** On a server that is given too, the shop has a database of its own, which is dropped at the end. */
  async mariadb(_folder, url) {
    const server = url === undefined ? await startMariadb() : { url, stop: async () => {} };
    try {
      const database = await createMariadbDatabase(server.url, "outrigger_shop");
      return {
        url: database.url,
        async stop() {
          try {
            await database.drop();
          } finally {
            await server.stop();
          }
        },
      };
    } catch (error) {
      await server.stop();
      throw error;
    }
  },

  /** Without what a killed run may have left. */
  async sqlite(folder) {
    const files = join(folder, "sqlite");
    await rm(files, { recursive: true, force: true });
    await mkdir(files);
    return { url: files, stop: async () => {} };
  },
};
