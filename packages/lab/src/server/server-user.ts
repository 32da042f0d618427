import { readFileSync, statSync } from "node:fs";
import { dirname } from "node:path";

/** Whom the server runs as; nothing when it runs as we do. */
export interface ServerUser {
  readonly uid?: number;
  readonly gid?: number;
}

/**
 * Database servers refuse to run as root.
 *
 * @param candidates - Users to take instead, in this order; none is ever created.
 */
export function serverUser(server: string, candidates: readonly string[]): ServerUser {
  if (process.getuid?.() !== 0) return {};
  const users = readFileSync("/etc/passwd", "utf8")
    .split("\n")
    .map((line) => line.split(":"));
  for (const name of candidates) {
    const [, , uid, gid] = users.find((fields) => fields[0] === name) ?? [];
    if (uid !== undefined && gid !== undefined) return { uid: Number(uid), gid: Number(gid) };
  }
  throw new Error(`${server} does not run as root, and there is no user named ${candidates.join(" or ")}`);
}

/** @throws Error that names the folder on the way to this one which the server's user may not enter. */
export function assertEnterable(server: string, folder: string, user: ServerUser): void {
  if (user.uid === undefined) return;
  for (let each = dirname(folder); ; each = dirname(each)) {
    const { mode, uid, gid } = statSync(each);
    const needed = uid === user.uid ? 0o100 : gid === user.gid ? 0o010 : 0o001;
    if ((mode & needed) === 0) {
      throw new Error(
        `${server} refuses root and runs as user id ${user.uid}, who may not enter ${each} on the way to ` +
          `${folder}: chmod o+x ${each}, or give a dataDir elsewhere`,
      );
    }
    if (each === dirname(each)) return;
  }
}
