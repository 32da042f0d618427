import { mariadbMissing } from "@outrigger/lab";
import { describe } from "vitest";
import { mariadb } from "./support/databases/mariadb.ts";
import { useDatabase } from "./support/shop.ts";

// Beside on-mariadb.test.ts, and not in it: most of it is waiting for leases to end.
const missing = mariadbMissing();
if (missing !== undefined) console.warn(missing);
else useDatabase(mariadb);

describe.skipIf(missing !== undefined).each(["saga", "outbox"])("killed on MariaDB: %s", async (folder) => {
  if (missing === undefined) await import(`./${folder}/crash.test.ts`);
});
