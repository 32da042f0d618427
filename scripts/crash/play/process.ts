import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { FromWorker, Looked, ToWorker } from "../worker/messages.ts";
import { keepCompiled } from "../worker/messages.ts";

const entry = fileURLToPath(new URL("../worker/main.ts", import.meta.url));
/** A process that is starting, or answering, on a machine that is busy. */
const patienceMs = 180_000;

/** A process of the matrix: it can be killed, and stopped in the middle of what it does. */
export class CrashProcess {
  readonly #child: ChildProcess;
  readonly #gone: Promise<unknown>;
  readonly #asks = new Map<number, (message: FromWorker | undefined) => void>();
  #asked = 0;
  #alive = true;
  /** Hears everything but the answers to questions. */
  heard: (message: FromWorker) => void = () => {};

  private constructor(child: ChildProcess) {
    this.#child = child;
    this.#gone = once(child, "close").then(() => {
      this.#alive = false;
      for (const answer of this.#asks.values()) answer(undefined);
    });
    child.on("message", (message) => this.#hear(message as FromWorker));
    child.on("error", () => {});
  }

  /**
   * @param connections - The most that its pool may hold.
   * @param compiled - A folder that keeps what the first one has compiled, which takes longer than the rest of the start.
   */
  static async start(connections: number, compiled: string, isFirst: boolean): Promise<CrashProcess> {
    const child = fork(entry, [String(connections), ...(isFirst ? [keepCompiled] : [])], {
      execArgv: ["--conditions=@outrigger/source", "--disable-warning=ExperimentalWarning"],
      env: { ...globalThis.process.env, NODE_COMPILE_CACHE: compiled },
    });
    const process = new CrashProcess(child);
    await new Promise<void>((resolve, reject) => {
      const late = setTimeout(() => reject(new Error("a process of the matrix did not start")), patienceMs);
      process.heard = ({ is }) => {
        if (is !== "ready") return;
        clearTimeout(late);
        resolve();
      };
      void process.#gone.then(() => {
        clearTimeout(late);
        reject(new Error("a process of the matrix ended before it was ready"));
      });
    });
    return process;
  }

  get alive(): boolean {
    return this.#alive;
  }

  send(message: ToWorker): void {
    if (this.#alive && this.#child.connected) this.#child.send(message, () => {});
  }

  /** @returns undefined when it died, or said nothing in time. */
  async tell(id: string, order: string, by: string): Promise<boolean> {
    const answer = await this.#ask((ask) => ({ do: "tell", ask, id, order, by }));
    return answer?.is === "told" && answer.taken;
  }

  async look(id: string): Promise<readonly Looked[]> {
    const answer = await this.#ask((ask) => ({ do: "look", ask, id }));
    return answer?.is === "looked" ? answer.records : [];
  }

  /** It runs no line more. */
  async kill(): Promise<void> {
    this.#child.kill("SIGKILL");
    await this.#gone;
  }

  /** SIGSTOP, at a moment at which it keeps nobody out by chance; see `Gate`. */
  async stop(): Promise<void> {
    await this.#ask((ask) => ({ do: "stop", ask }));
  }

  wake(): void {
    this.#child.kill("SIGCONT");
  }

  #ask(message: (ask: number) => ToWorker): Promise<FromWorker | undefined> {
    this.#asked += 1;
    const ask = this.#asked;
    return new Promise((resolve) => {
      const late = setTimeout(() => this.#asks.get(ask)?.(undefined), patienceMs);
      this.#asks.set(ask, (answer) => {
        clearTimeout(late);
        this.#asks.delete(ask);
        resolve(answer);
      });
      if (this.#alive) this.send(message(ask));
      else this.#asks.get(ask)?.(undefined);
    });
  }

  #hear(message: FromWorker): void {
    if ("ask" in message) this.#asks.get(message.ask)?.(message);
    else this.heard(message);
  }
}

/** Processes that are ready before they are needed. */
export class Processes {
  readonly #connections: number;
  readonly #spare: number;
  readonly #ready: Promise<CrashProcess>[] = [];
  readonly #all = new Set<Promise<CrashProcess>>();
  readonly #compiled = mkdtempSync(join(tmpdir(), "outrigger-crash-compiled-"));

  constructor(connections: number, spare: number) {
    this.#connections = connections;
    this.#spare = spare;
  }

  async take(): Promise<CrashProcess> {
    while (this.#ready.length <= this.#spare) this.#ready.push(this.#start());
    return await (this.#ready.shift() ?? this.#start());
  }

  async close(): Promise<void> {
    const started = await Promise.allSettled(this.#all);
    await Promise.all(started.map((each) => (each.status === "fulfilled" ? each.value.kill() : undefined)));
    rmSync(this.#compiled, { recursive: true, force: true });
  }

  #start(): Promise<CrashProcess> {
    const start = (isFirst: boolean): Promise<CrashProcess> =>
      CrashProcess.start(this.#connections, this.#compiled, isFirst);
    const [first] = this.#all;
    const starting = first === undefined ? start(true) : first.then(() => start(false));
    this.#all.add(starting);
    starting.catch(() => {});
    return starting;
  }
}
