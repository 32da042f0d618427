import { assertKnownKeys, integerIn } from "@outrigger/core";
import { type Exit, entryExtension } from "../child/spawn-child.ts";
import { startChild } from "../child/start-child.ts";
import { type DatabaseServer, madeFolder } from "../postgres/start-postgres.ts";

export interface MariadbOptions {
  /**
   * Whether a commit waits for the disk. Without it a test runs faster, and only a crash of the machine (not of
   * the server) can lose what was committed.
   *
   * @defaultValue true
   */
  readonly fsync?: boolean;
  /**
   * Folder of the server's own, made if need be, for the data and its password.
   *
   * @defaultValue a new folder in the system's temporary folder
   */
  readonly dataDir?: string;
  /** @defaultValue 0: a free one */
  readonly port?: number;
  /** Whether the data folder stays when the server stops. @defaultValue false */
  readonly keep?: boolean;
  /** As `ChildOptions`: what the server's process prints once it is ready. @defaultValue passed on to stderr */
  readonly onLine?: (line: string) => void;
}

export interface Mariadb extends DatabaseServer {
  /** The process that looks after the server. */
  readonly pid: number;
  /** Resolves when the server is gone, whether it was stopped or ended by itself. */
  readonly exited: Promise<Exit>;
}

/**
 * Starts a real MariaDB server from the programs on PATH, in a new folder, on loopback, with a random password. Its url
 * is `mysql://user:password@host:port/mysql`.
 *
 * A process of its own looks after it and stops it when this process is gone, however it died.
 *
 * @throws Error with the server's last lines when it does not start.
 */
export async function startMariadb(options: MariadbOptions = {}): Promise<Mariadb> {
  assertKnownKeys("mariadb", options, ["fsync", "dataDir", "port", "keep", "onLine"]);
  const { fsync = true, keep = false, dataDir, onLine } = options;
  const port = integerIn("mariadb.port", options.port ?? 0, 0, 65_535);
  const child = await startChild<{ readonly url: string }>({
    file: new URL(`./main${entryExtension}`, import.meta.url),
    args: [
      JSON.stringify({
        ...(dataDir !== undefined && { folder: madeFolder("mariadb.dataDir", dataDir) }),
        port,
        fsync,
        keep,
      }),
    ],
    ownSession: true,
    ...(onLine !== undefined && { onLine }),
    readyWithin: "2m",
    stopWithin: "1m",
  });
  return {
    url: child.ready.url,
    pid: child.pid,
    exited: child.exited,
    async stop() {
      await child.stop();
    },
  };
}
