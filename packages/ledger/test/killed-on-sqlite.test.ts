import { describe } from "vitest";
import { sqlite } from "./support/databases/sqlite.ts";
import { useDatabase } from "./support/shop.ts";

// Beside on-sqlite.test.ts, and not in it: most of it is waiting for leases to end.
useDatabase(sqlite);

describe.each(["saga", "outbox"])("killed on SQLite: %s", async (folder) => {
  await import(`./${folder}/crash.test.ts`);
});
