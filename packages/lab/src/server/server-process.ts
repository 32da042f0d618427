import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { freePort } from "../net/free-port.ts";
import type { ServerUser } from "./server-user.ts";

/** A signal, and the pause before the next one, in milliseconds. */
export type Ending = readonly [signal: NodeJS.Signals, ms: number];

export interface ServerProcessOptions {
  /** For messages. */
  readonly name: string;
  readonly user: ServerUser;
  readonly folder: string;
  /** What the server prints when its port is taken. */
  readonly portTaken: string;
  /** Ever harder. */
  readonly endings: readonly Ending[];
}

/** A port found free may be taken before the server gets it. */
const portTries = 5;
/** Fewer than a parent shows of its child's lines, so that ours do not push out what stands above them. */
const logLines = 15;

/** What a database server runs as: one process at a time, its last lines, and an end at any moment. */
export class ServerProcess {
  readonly #options: ServerProcessOptions;
  readonly #log: string[] = [];
  #running: { readonly child: ChildProcess; readonly leadsGroup: boolean } | undefined;
  #stopped: Promise<void> | undefined;

  constructor(options: ServerProcessOptions) {
    this.#options = options;
  }

  get stopping(): boolean {
    return this.#stopped !== undefined;
  }

  /** The last lines. */
  get log(): string {
    return this.#log.join("\n");
  }

  /** Runs a program to its end; it may start others, which end with it. */
  async run(file: string, args: readonly string[]): Promise<void> {
    const child = this.#spawn(file, args, true);
    await once(child, "close");
    if (child.exitCode !== 0) throw new Error(`${file} failed\n${this.log}`);
    this.#log.length = 0;
  }

  /**
   * Starts the server, and waits for the line that says that it is ready.
   *
   * @param wanted - Its port; 0 tries free ones.
   * @param onEnd - Called when the server, once started, has ended.
   */
  async start(
    wanted: number,
    command: (port: number) => { readonly file: string; readonly args: readonly string[] },
    readyLine: string,
    onEnd: () => void,
  ): Promise<number> {
    const { name, portTaken } = this.#options;
    for (let tries = 1; ; tries += 1) {
      const port = wanted === 0 ? await freePort() : wanted;
      const { file, args } = command(port);
      const server = await this.#ready(file, args, readyLine);
      if (server !== undefined) {
        server.once("close", onEnd);
        return port;
      }
      const taken = this.#log.some((line) => line.includes(portTaken));
      if (!taken || wanted !== 0 || tries === portTries)
        throw new Error(`${name} did not start\n${this.log}`);
      this.#log.length = 0;
    }
  }

  /** Ends whatever runs, then tidies up. Calling it again waits for the same end. */
  stop(tidy: () => void): Promise<void> {
    this.#stopped ??= this.#end().then(tidy);
    return this.#stopped;
  }

  async #end(): Promise<void> {
    for (const [signal, ms] of this.#options.endings) {
      const running = this.#running;
      if (running === undefined) return;
      const { child, leadsGroup } = running;
      if (leadsGroup && child.pid !== undefined) process.kill(-child.pid, signal);
      else child.kill(signal);
      await Promise.race([once(child, "close"), new Promise((resolve) => setTimeout(resolve, ms).unref())]);
    }
  }

  /** @returns nothing when it ended before it was ready. */
  async #ready(file: string, args: readonly string[], readyLine: string): Promise<ChildProcess | undefined> {
    let ready = (): void => {};
    const started = new Promise<true>((resolve) => {
      ready = () => resolve(true);
    });
    const server = this.#spawn(file, args, false, (line) => {
      if (line.includes(readyLine)) ready();
    });
    return (await Promise.race([started, once(server, "close")])) === true ? server : undefined;
  }

  #spawn(
    file: string,
    args: readonly string[],
    leadsGroup: boolean,
    onLine: (line: string) => void = () => {},
  ): ChildProcess {
    if (this.stopping) throw new Error("stopped before the start was over");
    const { user, folder } = this.#options;
    const child = spawn(file, args, {
      ...user,
      cwd: folder,
      // Messages in English, whatever the user's language: one of them says that the server is ready.
      env: { ...process.env, LC_ALL: "C" },
      stdio: ["ignore", "pipe", "pipe"],
      detached: leadsGroup,
    });
    this.#running = { child, leadsGroup };
    child.once("error", (error) => this.#log.push(error.message));
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
