import { createDatabase, mariadbForTests, mariadbMissing } from "@outrigger/lab";
import { describe } from "vitest";
import { type DatabaseKind, databaseKinds } from "../src/database/shop-database.ts";
import type { WantedDatabase } from "../src/database/start-database.ts";

/** A database of this test file's own, when there is a server to make it on; else the stack starts one. */
export interface OwnDatabase {
  readonly wanted: WantedDatabase;
  drop(): Promise<void>;
}

export async function ownDatabase(kind: DatabaseKind = "postgres"): Promise<OwnDatabase> {
  return await makers[kind]();
}

const makers: Readonly<Record<DatabaseKind, () => Promise<OwnDatabase>>> = {
  async postgres() {
    const server = process.env["DATABASE_URL"];
    if (server === undefined || server === "") return { wanted: { kind: "postgres" }, drop: async () => {} };
    const { url, drop } = await createDatabase(server, "outrigger_shop_test");
    return { wanted: { kind: "postgres", url }, drop };
  },
  /** On a server that does not wait for the disk, the shop makes a database of its own. */
  async mariadb() {
    const { url, stop } = await mariadbForTests();
    return { wanted: { kind: "mariadb", url }, drop: stop };
  },
  async sqlite() {
    return { wanted: { kind: "sqlite" }, drop: async () => {} };
  },
};

const missing = mariadbMissing();

/** The databases that this machine has. */
export const databasesHere: readonly DatabaseKind[] = databaseKinds.filter(
  (kind) => kind !== "mariadb" || missing === undefined,
);

/** The same tests for each database. */
export function onEachDatabase(tests: (kind: DatabaseKind) => void): void {
  if (missing !== undefined) console.warn(missing);
  for (const kind of databaseKinds) {
    describe.skipIf(!databasesHere.includes(kind))(`on ${kind}`, () => tests(kind));
  }
}
