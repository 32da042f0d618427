import { accessSync, constants, statSync } from "node:fs";
import { delimiter, join } from "node:path";

export interface MariadbBinaries {
  readonly server: string;
  readonly install: string;
}

/** Where systems put server programs, which are not on every user's PATH. */
const systemFolders = ["/usr/sbin", "/usr/local/sbin"];

/** MariaDB's programs on PATH; nothing where one of them is missing. MySQL's own are made ready in another way. */
export function findMariadb(): MariadbBinaries | undefined {
  const server = onPath("mariadbd") ?? onPath("mysqld");
  const install = onPath("mariadb-install-db");
  return server === undefined || install === undefined ? undefined : { server, install };
}

/**
 * Why tests cannot have a MariaDB server here, in one line that says how to get one; nothing when they can.
 *
 * @throws Error with the same line in CI, where nothing may be skipped.
 */
export function mariadbMissing(): string | undefined {
  if (givenUrl() !== undefined || findMariadb() !== undefined) return undefined;
  const line =
    "MariaDB was not found, so what needs it was skipped: install mariadb-server (apt-get install mariadb-server, " +
    "brew install mariadb), or give a server in MARIADB_URL";
  if (isSet("CI") || isSet("OUTRIGGER_CI")) throw new Error(line);
  return line;
}

/** The server that the user has given. */
export function givenUrl(): string | undefined {
  const url = process.env["MARIADB_URL"];
  return url === "" ? undefined : url;
}

function isSet(name: string): boolean {
  return !["", "0", "false", undefined].includes(process.env[name]);
}

function onPath(name: string): string | undefined {
  const folders = [...(process.env["PATH"] ?? "").split(delimiter), ...systemFolders];
  return folders
    .filter((folder) => folder !== "")
    .map((folder) => join(folder, name))
    .find(isProgram);
}

function isProgram(file: string): boolean {
  try {
    accessSync(file, constants.X_OK);
    return statSync(file).isFile();
  } catch {
    return false;
  }
}
