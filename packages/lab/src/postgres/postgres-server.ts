import { type ChildProcess, spawn } from "node:child_process";
import { randomBytes } from "node:crypto";
import { once } from "node:events";
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
import { createInterface } from "node:readline";
import { freePort } from "../net/free-port.ts";
import { type Binaries, findBinaries } from "./binaries.ts";
import { assertEnterable, reachable, type ServerUser, serverUser } from "./server-user.ts";
import { stopStaleServer } from "./stale-server.ts";

export interface ServerOptions {
  /** Folder of this server's own, without symbolic links: the cluster stands in `data` beside its password. */
  readonly folder: string;
  /** 0 chooses a free one. */
  readonly port: number;
  readonly fsync: boolean;
  readonly keep: boolean;
}

/** A port found free may be taken before the server gets it. */
const portTries = 5;
/** Fewer than a parent shows of its child's lines, so that ours do not push out what stands above them. */
const logLines = 15;
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
  readonly #user: ServerUser = serverUser();
  readonly #log: string[] = [];
  #running: ChildProcess | undefined;
  #stopped: Promise<void> | undefined;
  #mayRemove = false;

  constructor(options: ServerOptions) {
    this.#options = options;
  }

  get stopping(): boolean {
    return this.#stopped !== undefined;
  }

  /** The server's last lines. */
  get log(): string {
    return this.#log.join("\n");
  }

  /** @param onEnd - Called when the server, once started, has ended. */
  async start(onEnd: () => void): Promise<{ readonly url: string }> {
    const { folder } = this.#options;
    const dataDir = join(folder, "data");
    assertOurs(folder);
    assertEnterable(folder, this.#user);
    this.#own(folder, 0o700);
    await stopStaleServer(folder);
    this.#mayRemove = true;
    const binaries = reachable(await findBinaries(), this.#user, folder);
    const password = this.#password();
    if (!existsSync(join(dataDir, "PG_VERSION"))) await this.#initialise(binaries, dataDir);
    for (let tries = 1; ; tries += 1) {
      const port = this.#options.port === 0 ? await freePort() : this.#options.port;
      const server = await this.#run(binaries, dataDir, port);
      if (server !== undefined) {
        server.once("close", onEnd);
        return { url: `postgres://postgres:${password}@127.0.0.1:${port}/postgres` };
      }
      const taken = this.#log.some((line) => line.includes("could not bind"));
      if (!taken || this.#options.port !== 0 || tries === portTries) {
        throw new Error(`PostgreSQL did not start\n${this.log}`);
      }
      this.#log.length = 0;
    }
  }

  /** Ends whatever runs, and removes the folder unless it is to be kept. */
  stop(): Promise<void> {
    this.#stopped ??= this.#end();
    return this.#stopped;
  }

  async #end(): Promise<void> {
    for (const [signal, ms] of endings) {
      const child = this.#running;
      if (child === undefined) break;
      child.kill(signal);
      await Promise.race([once(child, "close"), new Promise((resolve) => setTimeout(resolve, ms).unref())]);
    }
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
  async #initialise(binaries: Binaries, dataDir: string): Promise<void> {
    const { folder, fsync } = this.#options;
    const unfinished = `${dataDir}.unfinished`;
    rmSync(unfinished, { recursive: true, force: true });
    const initdb = this.#spawn(binaries.initdb, [
      `--pgdata=${unfinished}`,
      "--username=postgres",
      "--auth=scram-sha-256",
      `--pwfile=${join(folder, "password")}`,
      "--encoding=UTF8",
      "--locale=C",
      ...(fsync ? [] : ["--no-sync"]),
    ]);
    await once(initdb, "close");
    if (initdb.exitCode !== 0) throw new Error(`initdb failed\n${this.log}`);
    renameSync(unfinished, dataDir);
    this.#log.length = 0;
  }

  /** @returns the server once it is ready; nothing when it ended before. */
  async #run(binaries: Binaries, dataDir: string, port: number): Promise<ChildProcess | undefined> {
    const settings = [
      "listen_addresses=127.0.0.1",
      "unix_socket_directories=",
      "max_connections=200",
      ...(this.#options.fsync ? [] : ["fsync=off", "synchronous_commit=off", "full_page_writes=off"]),
    ];
    let ready = (): void => {};
    const started = new Promise<true>((resolve) => {
      ready = () => resolve(true);
    });
    const server = this.#spawn(
      binaries.postgres,
      ["-D", dataDir, "-p", String(port), ...settings.flatMap((setting) => ["-c", setting])],
      (line) => {
        if (line.includes("ready to accept connections")) ready();
      },
    );
    return (await Promise.race([started, once(server, "close")])) === true ? server : undefined;
  }

  #spawn(file: string, args: readonly string[], onLine: (line: string) => void = () => {}): ChildProcess {
    if (this.stopping) throw new Error("stopped before the start was over");
    const child = spawn(file, args, {
      ...this.#user,
      cwd: this.#options.folder,
      // Messages in English, whatever the user's language: one of them says that the server is ready.
      env: { ...process.env, LC_ALL: "C" },
      stdio: ["ignore", "pipe", "pipe"],
    });
    this.#running = child;
    child.once("close", () => {
      this.#running = undefined;
    });
    for (const input of [child.stdout, child.stderr]) {
      createInterface({ input }).on("line", (line) => {
        if (this.#log.push(line) > logLines) this.#log.shift();
        onLine(line);
      });
    }
    return child;
  }
}

/** @throws Error unless the folder is empty or one of ours: it is about to change hands, and to be removed later. */
function assertOurs(folder: string): void {
  const found = readdirSync(folder);
  if (found.length === 0 || found.includes("password")) return;
  throw new Error(`${folder} is not empty and holds no server of ours: give a folder of its own`);
}
