// By path: vitest loads this file itself, without the condition that leads from a package's name to its sources.
import { startChild } from "../packages/lab/src/child/start-child.ts";

/** One PostgreSQL server for the whole run; each test file makes a database of its own on it. */
export async function setup(): Promise<() => Promise<void>> {
  const child = await startChild<{ readonly url: string }>({
    file: new URL("./postgres-child.ts", import.meta.url),
    readyWithinMs: 120_000,
  });
  process.env["DATABASE_URL"] = child.ready.url;
  return async () => {
    await child.stop(60_000);
  };
}
