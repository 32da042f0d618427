import { mkdtempSync, realpathSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { superviseServer } from "../server/supervise.ts";
import { MariadbServer, type MariadbServerOptions } from "./mariadb-server.ts";

// Entry file of the process that looks after one MariaDB server; started by startMariadb.
const { folder, ...options } = JSON.parse(process.argv[2] ?? "") as Omit<MariadbServerOptions, "folder"> & {
  readonly folder?: string;
};
await superviseServer(
  "MariaDB",
  new MariadbServer({
    ...options,
    folder: folder ?? realpathSync(mkdtempSync(join(tmpdir(), "outrigger-mariadb-"))),
  }),
);
