import { spawnSync } from "node:child_process";
import { cpSync } from "node:fs";
import { join, resolve } from "node:path";
import type { ServerUser } from "../server/server-user.ts";
import type { Binaries } from "./binaries.ts";

/**
 * Binaries that the server's user can run. Root's checkout may lie where others cannot look (`/root`); then they
 * are copied beside the data.
 */
export function reachable(binaries: Binaries, user: ServerUser, folder: string): Binaries {
  if (user.uid === undefined || runs(binaries, user)) return binaries;
  const copy = join(folder, "native");
  cpSync(resolve(binaries.postgres, "../.."), copy, { recursive: true, verbatimSymlinks: true });
  const copied = { initdb: join(copy, "bin/initdb"), postgres: join(copy, "bin/postgres") };
  if (runs(copied, user)) return copied;
  throw new Error(`PostgreSQL does not run on this machine: ${copied.postgres} --version fails`);
}

function runs(binaries: Binaries, user: ServerUser): boolean {
  return spawnSync(binaries.postgres, ["--version"], { ...user, cwd: "/" }).status === 0;
}
