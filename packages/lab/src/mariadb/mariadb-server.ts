import { randomBytes } from "node:crypto";
import {
  chmodSync,
  chownSync,
  existsSync,
  mkdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { type Ending, ServerProcess } from "../server/server-process.ts";
import { assertEnterable, type ServerUser, serverUser } from "../server/server-user.ts";
import { findMariadb } from "./find-mariadb.ts";

export interface MariadbServerOptions {
  /** Folder of this server's own: the data stands in `data` beside its password. */
  readonly folder: string;
  /** 0 chooses a free one. */
  readonly port: number;
  readonly fsync: boolean;
  readonly keep: boolean;
}

const endings: readonly Ending[] = [
  ["SIGTERM", 20_000],
  ["SIGKILL", 5_000],
];

/** One MariaDB server, from an empty folder to its removal. Can be stopped at any moment of its start. */
export class MariadbServer {
  readonly #options: MariadbServerOptions;
  readonly #user: ServerUser = serverUser("MariaDB", ["mysql", "nobody"]);
  readonly #process: ServerProcess;

  constructor(options: MariadbServerOptions) {
    this.#options = options;
    this.#process = new ServerProcess({
      name: "MariaDB",
      user: this.#user,
      folder: options.folder,
      portTaken: "Can't start server: Bind on",
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
    const binaries = findMariadb();
    if (binaries === undefined) {
      throw new Error(
        "MariaDB was not found: install mariadb-server (apt-get install mariadb-server, brew install mariadb); its programs " +
          "mariadbd and mariadb-install-db have to be on PATH",
      );
    }
    const { folder, port: wanted } = this.#options;
    const dataDir = join(folder, "data");
    assertEnterable("MariaDB", folder, this.#user);
    this.#own(folder, 0o700);
    mkdirSync(this.#temporary, { recursive: true });
    this.#own(this.#temporary, 0o700);
    if (!existsSync(dataDir)) await this.#initialise(binaries.install, dataDir);
    const password = this.#password();
    const first = join(folder, "first.sql");
    writeFileSync(first, accounts(password), { mode: 0o600 });
    this.#own(first, 0o600);
    const port = await this.#process.start(
      wanted,
      (tried) => ({ file: binaries.server, args: this.#arguments(dataDir, first, tried) }),
      "ready for connections",
      onEnd,
    );
    return { url: `mysql://outrigger:${password}@127.0.0.1:${port}/mysql` };
  }

  stop(): Promise<void> {
    const { folder, keep } = this.#options;
    return this.#process.stop(() => {
      if (!keep) rmSync(folder, { recursive: true, force: true, maxRetries: 3 });
    });
  }

  /** Under another name first: data that is half made, because we were killed, is never taken for a whole. */
  async #initialise(install: string, dataDir: string): Promise<void> {
    const unfinished = `${dataDir}.unfinished`;
    rmSync(unfinished, { recursive: true, force: true });
    // Nobody else's configuration: what this machine has set up is meant for its own server.
    await this.#process.run(install, [
      "--no-defaults",
      `--datadir=${unfinished}`,
      "--auth-root-authentication-method=normal",
      "--skip-test-db",
      `--tmpdir=${this.#temporary}`,
      ...this.#durability(),
    ]);
    renameSync(unfinished, dataDir);
  }

  /** Kept beside the data, so that a server that is started again has the address it had. */
  #password(): string {
    const file = join(this.#options.folder, "password");
    if (!existsSync(file)) writeFileSync(file, randomBytes(18).toString("base64url"), { mode: 0o600 });
    return readFileSync(file, "utf8").trim();
  }

  #arguments(dataDir: string, first: string, port: number): readonly string[] {
    return [
      "--no-defaults",
      `--datadir=${dataDir}`,
      `--init-file=${first}`,
      `--port=${port}`,
      "--bind-address=127.0.0.1",
      `--socket=${join(this.#options.folder, "socket")}`,
      `--tmpdir=${this.#temporary}`,
      "--skip-name-resolve",
      // As MySQL, and MariaDB from 11 on, have it by themselves.
      "--character-set-server=utf8mb4",
      "--max-connections=200",
      "--innodb-buffer-pool-size=64M",
      "--innodb-log-file-size=32M",
      ...this.#durability(),
    ];
  }

  /**
   * Not the system's folder: a server that starts there deletes the temporary tables of every other one, which then ends
   * with a segmentation fault.
   */
  get #temporary(): string {
    return join(this.#options.folder, "tmp");
  }

  /** A commit reaches the operating system in any case, so only a crash of the machine can lose it. */
  #durability(): readonly string[] {
    return this.#options.fsync
      ? ["--innodb-flush-log-at-trx-commit=1"]
      : ["--innodb-flush-log-at-trx-commit=2", "--debug-no-sync"];
  }

  #own(path: string, mode: number): void {
    const { uid, gid } = this.#user;
    chmodSync(path, mode);
    if (uid !== undefined && gid !== undefined) chownSync(path, uid, gid);
  }
}

/** Run before anybody may connect: one user who may do everything, with a password, and no other. */
const accounts = (password: string): string =>
  [
    `create user if not exists outrigger@'%' identified by '${password}';`,
    "grant all privileges on *.* to outrigger@'%' with grant option;",
    "delete from mysql.global_priv where User <> 'outrigger' and User <> 'mariadb.sys';",
    "flush privileges;",
    "",
  ].join("\n");
