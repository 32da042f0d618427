import { mkdtempSync, realpathSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { superviseServer } from "../server/supervise.ts";
import { PostgresServer, type ServerOptions } from "./postgres-server.ts";

// Entry file of the process that looks after one PostgreSQL server; started by startPostgres.
const { folder, ...options } = JSON.parse(process.argv[2] ?? "") as Omit<ServerOptions, "folder"> & {
  readonly folder?: string;
};
await superviseServer(
  "PostgreSQL",
  new PostgresServer({
    ...options,
    folder: folder ?? realpathSync(mkdtempSync(join(tmpdir(), "outrigger-postgres-"))),
  }),
);
