import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";

/** As `ChildOptions`, in milliseconds. */
export interface SpawnOptions {
  /** Entry file, TypeScript or JavaScript. It calls `exitWithParent` and, once it is ready, `sayReady`. */
  readonly file: string | URL;
  readonly args?: readonly string[];
  /** The whole environment of the child. @defaultValue this process's */
  readonly env?: NodeJS.ProcessEnv;
  readonly readyWithinMs: number;
  readonly stopWithinMs: number;
  /**
   * A session of its own, so that no signal of the terminal reaches the child or what it starts.
   *
   * @defaultValue false
   */
  readonly ownSession?: boolean;
  /**
   * What the child prints, line by line.
   *
   * @defaultValue passed on to this process's stderr once the child is ready; before, it is kept for the error
   */
  readonly onLine?: (line: string) => void;
}

export interface Exit {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

/** As `Child`, in milliseconds. */
export interface SpawnedChild<Ready> {
  readonly pid: number;
  /** What the child handed to `sayReady`. */
  readonly ready: Ready;
  /** Resolves, never rejects, when the child is gone. */
  readonly exited: Promise<Exit>;
  stop(graceMs?: number): Promise<Exit>;
  /** SIGKILL: the child runs no line more. */
  kill(): Promise<Exit>;
}

interface Ending {
  readonly exited: Promise<Exit>;
  stop(graceMs?: number): Promise<Exit>;
}

const lastLines = 30;

/**
 * What `startChild` does, without `@outrigger/core`: a test runner's setup can load this file by its path, where the
 * packages' names do not lead to their sources.
 */
export async function spawnChild<Ready>(options: SpawnOptions): Promise<SpawnedChild<Ready>> {
  const file = options.file instanceof URL ? fileURLToPath(options.file) : options.file;
  const child = spawn(
    process.execPath,
    [...(file.endsWith(".ts") ? ["--conditions=@outrigger/source"] : []), file, ...(options.args ?? [])],
    {
      stdio: ["ignore", "pipe", "pipe", "ipc"],
      env: options.env ?? process.env,
      detached: options.ownSession ?? false,
    },
  );
  const tail: string[] = [];
  let isReady = false;
  const passOn = (line: string): void => {
    if (isReady) process.stderr.write(`${line}\n`);
  };
  const { readyWithinMs, stopWithinMs, onLine = passOn } = options;
  for (const input of [child.stdout, child.stderr]) {
    if (input === null) continue;
    createInterface({ input }).on("line", (line) => {
      if (tail.push(line) > lastLines) tail.shift();
      onLine(line);
    });
  }
  // "close" rather than "exit": by then every line that the child printed has been read.
  const exited = new Promise<Exit>((resolve) => {
    child.once("close", (code, signal) => resolve({ code, signal }));
  });
  const ended: Ending = { exited, stop: (graceMs = stopWithinMs) => endChild(child, exited, graceMs) };
  const ready = await readiness<Ready>(child, file, readyWithinMs, ended, tail);
  isReady = true;
  if (options.onLine === undefined) for (const line of tail) passOn(line);
  const { pid } = child;
  if (pid === undefined) throw new Error(`${file} has no pid`); // Only a child that never spawned has none.

  let stopping: Promise<Exit> | undefined;
  return {
    pid,
    ready,
    exited,
    stop(graceMs) {
      stopping ??= ended.stop(graceMs);
      return stopping;
    },
    kill() {
      child.kill("SIGKILL");
      return exited;
    },
  };
}

/** The extension under which this package runs: `.ts` from sources, `.js` once built. */
export const entryExtension: ".ts" | ".js" = import.meta.url.endsWith(".ts") ? ".ts" : ".js";

async function readiness<Ready>(
  child: ChildProcess,
  file: string,
  withinMs: number,
  { exited, stop }: Ending,
  tail: readonly string[],
): Promise<Ready> {
  let timer: NodeJS.Timeout | undefined;
  try {
    return await Promise.race([
      new Promise<Ready>((resolve) => {
        child.on("message", (message) => {
          if (isReadyMessage(message)) resolve(message.ready as Ready);
        });
      }),
      once(child, "error").then(([cause]) => {
        throw new Error(`could not start ${file}`, { cause });
      }),
      exited.then(({ code, signal }) => {
        throw new Error(
          `${file} ended (${signal ?? `code ${code}`}) before it was ready\n${tail.join("\n")}`,
        );
      }),
      new Promise<never>((_, reject) => {
        timer = setTimeout(() => {
          reject(new Error(`${file} was not ready within ${withinMs} ms\n${tail.join("\n")}`));
        }, withinMs);
      }),
    ]);
  } catch (error) {
    if (child.exitCode === null && child.signalCode === null) {
      // Not SIGKILL: a child that has started something itself gets to end that first.
      await stop();
    }
    throw error;
  } finally {
    clearTimeout(timer);
  }
}

async function endChild(child: ChildProcess, exited: Promise<Exit>, graceMs: number): Promise<Exit> {
  if (child.pid === undefined) return { code: null, signal: null };
  if (child.connected) child.send({ type: "outrigger.stop" }, () => {});
  else child.kill("SIGTERM");
  const timer = setTimeout(() => child.kill("SIGKILL"), graceMs);
  try {
    return await exited;
  } finally {
    clearTimeout(timer);
  }
}

function isReadyMessage(message: unknown): message is { readonly ready: unknown } {
  return (
    typeof message === "object" && message !== null && "type" in message && message.type === "outrigger.ready"
  );
}
