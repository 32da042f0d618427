import { randomBytes } from "node:crypto";
import {
  chmodSync,
  chownSync,
  existsSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmdirSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { ServerProcess } from "../server/server-process.ts";
import { assertEnterable, type ServerUser, serverUser } from "../server/server-user.ts";
import { findBinaries } from "./binaries.ts";
import { reachable } from "./reachable.ts";
import { stopStaleServer } from "./stale-server.ts";

export interface ServerOptions {
  /** Folder of this server's own, without symbolic links: the cluster stands in `data` beside its password. */
  readonly folder: string;
  /** 0 chooses a free one. */
  readonly port: number;
  readonly fsync: boolean;
  readonly keep: boolean;
  readonly maxConnections: number;
}

/** What we put into the folder; nothing else in it is ever removed. */
const entries = ["data", "data.unfinished", "native", "password"];
/** Pauses before a harder signal, in milliseconds: fast shutdown, immediate shutdown, none. */
const endings = [
  ["SIGINT", 20_000],
  ["SIGQUIT", 5_000],
  ["SIGKILL", 5_000],
] as const;

/** One PostgreSQL server, from an empty folder to its removal. Can be stopped at any moment of its start. */
export class PostgresServer {
  readonly #options: ServerOptions;
  readonly #user: ServerUser = serverUser("PostgreSQL", ["postgres", "nobody"]);
  readonly #process: ServerProcess;
  #mayRemove = false;

  constructor(options: ServerOptions) {
    this.#options = options;
    this.#process = new ServerProcess({
      name: "PostgreSQL",
      user: this.#user,
      folder: options.folder,
      portTaken: "could not bind",
      endings,
    });
  }

  get stopping(): boolean {
    return this.#process.stopping;
  }

  /** The server's last lines. */
  get log(): string {
    return this.#process.log;
  }

  /** @param onEnd - Called when the server, once started, has ended. */
  async start(onEnd: () => void): Promise<{ readonly url: string }> {
    const { folder, port: wanted } = this.#options;
    const dataDir = join(folder, "data");
    assertOurs(folder);
    assertEnterable("PostgreSQL", folder, this.#user);
    this.#own(folder, 0o700);
    await stopStaleServer(folder);
    this.#mayRemove = true;
    const { initdb, postgres } = reachable(await findBinaries(), this.#user, folder);
    const password = this.#password();
    if (!existsSync(join(dataDir, "PG_VERSION"))) await this.#initialise(initdb, dataDir);
    const port = await this.#process.start(
      wanted,
      (tried) => ({ file: postgres, args: this.#arguments(dataDir, tried) }),
      "ready to accept connections",
      onEnd,
    );
    return { url: `postgres://postgres:${password}@127.0.0.1:${port}/postgres` };
  }

  /** Ends whatever runs, and removes the folder unless it is to be kept. */
  stop(): Promise<void> {
    return this.#process.stop(() => this.#remove());
  }

  #remove(): void {
    const { folder, keep } = this.#options;
    if (keep) return;
    for (const entry of this.#mayRemove ? entries : [])
      rmSync(join(folder, entry), { recursive: true, force: true, maxRetries: 3 });
    if (existsSync(folder) && readdirSync(folder).length === 0) rmdirSync(folder);
  }

  #own(path: string, mode: number): void {
    const { uid, gid } = this.#user;
    chmodSync(path, mode);
    if (uid !== undefined && gid !== undefined) chownSync(path, uid, gid);
  }

  /** Kept beside the data, because a cluster that is started again has the password it was made with. */
  #password(): string {
    const file = join(this.#options.folder, "password");
    if (!existsSync(file)) writeFileSync(file, randomBytes(18).toString("base64url"), { mode: 0o600 });
    this.#own(file, 0o600);
    return readFileSync(file, "utf8").trim();
  }

  /** Under another name first: a cluster that is half made, because we were killed, is never taken for a whole. */
  async #initialise(initdb: string, dataDir: string): Promise<void> {
    const { folder, fsync } = this.#options;
    const unfinished = `${dataDir}.unfinished`;
    rmSync(unfinished, { recursive: true, force: true });
    await this.#process.run(initdb, [
      `--pgdata=${unfinished}`,
      "--username=postgres",
      "--auth=scram-sha-256",
      `--pwfile=${join(folder, "password")}`,
      "--encoding=UTF8",
      "--locale=C",
      ...(fsync ? [] : ["--no-sync"]),
    ]);
    renameSync(unfinished, dataDir);
  }

  #arguments(dataDir: string, port: number): readonly string[] {
    const settings = [
      "listen_addresses=127.0.0.1",
      "unix_socket_directories=",
      `max_connections=${this.#options.maxConnections}`,
      ...(this.#options.fsync ? [] : ["fsync=off", "synchronous_commit=off", "full_page_writes=off"]),
    ];
    return ["-D", dataDir, "-p", String(port), ...settings.flatMap((setting) => ["-c", setting])];
  }
}

/** @throws Error unless the folder is empty or one of ours: it is about to change hands, and to be removed later. */
function assertOurs(folder: string): void {
  const found = readdirSync(folder);
  if (found.length === 0 || found.includes("password")) return;
  throw new Error(`${folder} is not empty and holds no server of ours: give a folder of its own`);
}
