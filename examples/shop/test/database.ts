import { createDatabase } from "@outrigger/lab";

/** A database of this test file's own, when there is a server to make it on; else the stack starts one. */
export interface OwnDatabase {
  readonly url: string | undefined;
  drop(): Promise<void>;
}

export async function ownDatabase(): Promise<OwnDatabase> {
  const server = process.env["DATABASE_URL"];
  if (server === undefined || server === "") return { url: undefined, drop: async () => {} };
  return await createDatabase(server, "outrigger_shop_test");
}
