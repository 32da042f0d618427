import { mkdtempSync, realpathSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { exitWithParent, sayReady } from "../child/exit-with-parent.ts";
import { PostgresServer, type ServerOptions } from "./postgres-server.ts";

// Entry file of the process that looks after one PostgreSQL server; started by startPostgres.
const { folder, ...options } = JSON.parse(process.argv[2] ?? "") as Omit<ServerOptions, "folder"> & {
  readonly folder?: string;
};
const server = new PostgresServer({
  ...options,
  folder: folder ?? realpathSync(mkdtempSync(join(tmpdir(), "outrigger-postgres-"))),
});

// Longer than the server's own endings take together.
exitWithParent({ onStop: () => server.stop(), within: "45s" });

async function endBecause(reason: unknown): Promise<void> {
  if (server.stopping) return;
  console.error(reason);
  await server.stop();
  process.exit(1);
}

try {
  sayReady(await server.start(() => void endBecause(`PostgreSQL ended by itself\n${server.log}`)));
} catch (error) {
  await endBecause(error);
}
