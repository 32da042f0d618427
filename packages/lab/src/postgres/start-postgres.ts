import { mkdirSync, realpathSync } from "node:fs";
import { assertKnownKeys, integerIn, nonEmptyString } from "@outrigger/core";
import { type Exit, entryExtension } from "../child/spawn-child.ts";
import { type ChildOptions, startChild } from "../child/start-child.ts";

export interface PostgresOptions {
  /**
   * Whether a commit waits for the disk. Without it a test runs faster, and only a crash of the machine (not of
   * the server) can lose what was committed.
   *
   * @defaultValue true
   */
  readonly fsync?: boolean;
  /**
   * Folder of the server's own, made if need be, for the cluster and its password. A server that a killed run has
   * left on it is stopped first.
   *
   * @defaultValue a new folder in the system's temporary folder
   */
  readonly dataDir?: string;
  /** @defaultValue 0: a free one */
  readonly port?: number;
  /** Whether the data folder stays when the server stops. @defaultValue false */
  readonly keep?: boolean;
  /** Connections that the server takes. Range: 1 to 10,000. @defaultValue 200 */
  readonly maxConnections?: number;
  /** What the process that looks after the server prints, line by line. @defaultValue passed on to stderr */
  readonly onLine?: ChildOptions["onLine"];
}

export interface DatabaseServer {
  /** `postgres://user:password@host:port/database`; the user may create databases. */
  readonly url: string;
  /** Stops a server of ours and waits until it has, ending the sessions that are open. */
  stop(): Promise<void>;
}

export interface Postgres extends DatabaseServer {
  /** The process that looks after the server. */
  readonly pid: number;
  /** Resolves when the server is gone, whether it was stopped or ended by itself. */
  readonly exited: Promise<Exit>;
}

/**
 * Starts a real PostgreSQL server, installed by npm, on loopback, with a random password.
 *
 * A process of its own looks after it and stops it when this process is gone, however it died. No signal of the
 * terminal reaches the server: it ends when it is told to.
 *
 * @throws Error with the server's last lines when it does not start.
 */
export async function startPostgres(options: PostgresOptions = {}): Promise<Postgres> {
  assertKnownKeys("postgres", options, ["fsync", "dataDir", "port", "keep", "maxConnections", "onLine"]);
  const { fsync = true, keep = false, dataDir, onLine } = options;
  const port = integerIn("postgres.port", options.port ?? 0, 0, 65_535);
  const maxConnections = integerIn("postgres.maxConnections", options.maxConnections ?? 200, 1, 10_000);
  const child = await startChild<{ readonly url: string }>({
    file: new URL(`./main${entryExtension}`, import.meta.url),
    args: [
      JSON.stringify({
        ...(dataDir !== undefined && { folder: madeFolder("postgres.dataDir", dataDir) }),
        port,
        fsync,
        keep,
        maxConnections,
      }),
    ],
    ownSession: true,
    readyWithin: "2m",
    stopWithin: "1m",
    ...(onLine !== undefined && { onLine }),
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

/** Made here rather than by the child, so that the name in the child's command is the real one. */
export function madeFolder(path: string, given: string): string {
  const dataDir = nonEmptyString(path, given);
  mkdirSync(dataDir, { recursive: true });
  return realpathSync(dataDir);
}
