import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type DatabaseServer, startMariadb, startPostgres } from "@outrigger/lab";
import type { DatabaseName } from "./targets.ts";
import type { Job, Ran } from "./tests-child.ts";

/** What one child may take to load a file and fill its database, beside what its tests may. */
const graceMs = 60_000;

/** Runs tests one process at a time, on servers of its own, of which nothing is left behind in the next one. */
export class Lane {
  readonly #tree: string;
  readonly #folder: string;
  readonly #servers = new Map<DatabaseName, DatabaseServer>();

  constructor(tree: string) {
    this.#tree = tree;
    this.#folder = mkdtempSync(join(tmpdir(), "outrigger-mutation-lane-"));
  }

  /**
   * @returns what became of the tests, up to the first that has noticed something or does not end.
   * @throws Error with what the process has said when it ends before its tests.
   */
  async run(job: Job, stopAtFirst: boolean): Promise<readonly Ran[]> {
    const urls = await this.#server(job.database);
    const temporary = join(this.#folder, "tmp");
    mkdirSync(temporary, { recursive: true });
    const child = fork(join(this.#tree, "scripts/mutation/ledger/tests-child.ts"), {
      cwd: this.#tree,
      env: { ...process.env, ...urls, TMPDIR: temporary, NODE_NO_WARNINGS: "1" },
      execArgv: ["--conditions=@outrigger/source"],
      stdio: ["ignore", "ignore", "pipe", "ipc"],
    });
    try {
      return await ranBy(child, job, stopAtFirst);
    } finally {
      if (child.exitCode === null && child.signalCode === null) {
        child.kill("SIGKILL");
        await once(child, "exit");
      }
      rmSync(temporary, { recursive: true, force: true });
      await this.#clean(job.database);
    }
  }

  async close(): Promise<void> {
    await Promise.all([...this.#servers.values()].map((server) => server.stop()));
  }

  removeFolder(): void {
    rmSync(this.#folder, { recursive: true, force: true });
  }

  async #server(database: DatabaseName): Promise<NodeJS.ProcessEnv> {
    if (database === "sqlite") return {};
    let server = this.#servers.get(database);
    if (server === undefined) {
      server = await (database === "postgres" ? startPostgres : startMariadb)({ fsync: false });
      this.#servers.set(database, server);
    }
    return { [database === "postgres" ? "DATABASE_URL" : "MARIADB_URL"]: server.url };
  }

  /** A process that was ended has left its databases. */
  async #clean(database: DatabaseName): Promise<void> {
    const url = this.#servers.get(database)?.url;
    if (url === undefined) return;
    await (database === "postgres" ? dropAllOfPostgres : dropAllOfMariadb)(url);
  }
}

function ranBy(child: ChildProcess, job: Job, stopAtFirst: boolean): Promise<readonly Ran[]> {
  const ran: Ran[] = [];
  let said = "";
  child.stderr?.on("data", (data) => {
    said += String(data);
  });
  const longestMs = Math.max(
    ...job.files.flatMap(({ tests }) => tests?.map(({ limitMs }) => limitMs) ?? [graceMs]),
  );
  return new Promise((resolve, reject) => {
    // A test that keeps its process busy cannot be given up from inside of it.
    const stuck = (): void => resolve([...ran, { ...nothing, wrong: "its process is busy", endless: true }]);
    let timer = setTimeout(stuck, graceMs + longestMs);
    const end = (result: () => void): void => {
      clearTimeout(timer);
      result();
    };
    child.on("message", (message: Ran | "end") => {
      if (message === "end") return end(() => resolve(ran));
      ran.push(message);
      if (stopAtFirst && message.wrong !== undefined) return end(() => resolve(ran));
      clearTimeout(timer);
      timer = setTimeout(stuck, graceMs + longestMs);
    });
    child.once("error", (error) => end(() => reject(error)));
    child.once("exit", () =>
      end(() => reject(new Error(`the tests' process ended by itself: ${said.slice(-2_000)}`))),
    );
    child.send(job);
  });
}

const nothing = { id: "", file: "", spentMs: 0, tags: [] } as const;

async function dropAllOfPostgres(url: string): Promise<void> {
  const { default: pg } = await import("pg");
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    const { rows } = await client.query<{ name: string }>(
      "select datname as name from pg_database where not datistemplate and datname <> 'postgres'",
    );
    for (const { name } of rows) await client.query(`drop database "${name}" with (force)`);
  } finally {
    await client.end();
  }
}

async function dropAllOfMariadb(url: string): Promise<void> {
  const { createConnection } = await import("mysql2/promise");
  const connection = await createConnection(url);
  try {
    const [rows] = await connection.query(
      `select schema_name as name from information_schema.schemata
       where schema_name not in ('mysql', 'information_schema', 'performance_schema', 'sys', database())`,
    );
    for (const { name } of rows as { name: string }[]) await connection.query(`drop database \`${name}\``);
  } finally {
    await connection.end();
  }
}
