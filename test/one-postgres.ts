// By path: vitest loads this file itself, without the condition that leads from a package's name to its sources.
import { spawnChild } from "../packages/lab/src/child/spawn-child.ts";

/** One PostgreSQL server for the whole run; each test file makes a database of its own on it. */
export async function setup(): Promise<() => Promise<void>> {
  const child = await spawnChild<{ readonly url: string }>({
    file: new URL("./postgres-child.ts", import.meta.url),
    readyWithinMs: 120_000,
    stopWithinMs: 60_000,
  });
  process.env["DATABASE_URL"] = child.ready.url;
  return async () => {
    await child.stop();
  };
}
