import { spawnSync } from "node:child_process";
import { cpSync, readFileSync, statSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import type { Binaries } from "./binaries.ts";

/** Whom the server runs as; nothing when it runs as we do. */
export interface ServerUser {
  readonly uid?: number;
  readonly gid?: number;
}

/** PostgreSQL refuses to run as root. These users, in this order, are taken instead; none is ever created. */
const candidates = ["postgres", "nobody"];

export function serverUser(): ServerUser {
  if (process.getuid?.() !== 0) return {};
  const users = readFileSync("/etc/passwd", "utf8")
    .split("\n")
    .map((line) => line.split(":"));
  for (const name of candidates) {
    const [, , uid, gid] = users.find((fields) => fields[0] === name) ?? [];
    if (uid !== undefined && gid !== undefined) return { uid: Number(uid), gid: Number(gid) };
  }
  throw new Error(`PostgreSQL does not run as root, and there is no user named ${candidates.join(" or ")}`);
}

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

/** @throws Error that names the folder on the way to this one which the server's user may not enter. */
export function assertEnterable(folder: string, user: ServerUser): void {
  if (user.uid === undefined) return;
  for (let each = dirname(folder); ; each = dirname(each)) {
    const { mode, uid, gid } = statSync(each);
    const needed = uid === user.uid ? 0o100 : gid === user.gid ? 0o010 : 0o001;
    if ((mode & needed) === 0) {
      throw new Error(
        `PostgreSQL refuses root and runs as user id ${user.uid}, who may not enter ${each} on the way to ` +
          `${folder}: chmod o+x ${each}, or give a dataDir elsewhere`,
      );
    }
    if (each === dirname(each)) return;
  }
}

function runs(binaries: Binaries, user: ServerUser): boolean {
  return spawnSync(binaries.postgres, ["--version"], { ...user, cwd: "/" }).status === 0;
}
