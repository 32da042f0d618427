import { readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { processInfo } from "../server/process-info.ts";

export interface StalePatience {
  /** Longest wait for a server that somebody still looks after, and may be stopping. @defaultValue 10000 */
  readonly ownedMs?: number;
  /** Longest wait for a forsaken server after it was asked to stop; then it is made to. @defaultValue 20000 */
  readonly stopMs?: number;
}

/**
 * Stops a server that was left running on this data directory, so that it can be started again.
 *
 * The process id in `postmaster.pid` is trusted only when that process was started on this very directory: the
 * id may have gone to another program since.
 *
 * @param folder - The folder that holds the data directory, as it stands in the command of its watcher.
 * @throws Error when somebody still looks after the server.
 */
export async function stopStaleServer(folder: string, patience: StalePatience = {}): Promise<void> {
  const dataDir = join(folder, "data");
  const pidFile = join(dataDir, "postmaster.pid");
  const pid = pidIn(pidFile);
  if (pid === undefined) return;
  const server = processInfo(pid);
  if (server === undefined || !isServerOf(dataDir, server.command)) {
    rmSync(pidFile, { force: true });
    return;
  }
  const runs = (): boolean => isServerOf(dataDir, processInfo(pid)?.command ?? "");
  const owned = (): boolean =>
    processInfo(processInfo(pid)?.parentPid ?? 0)?.command.includes(JSON.stringify(folder)) ?? false;
  // Its parent may just have been killed: then it is being stopped already.
  await waitWhile(() => runs() && owned(), patience.ownedMs ?? 10_000);
  if (runs() && owned()) {
    throw new Error(`${folder} is in use by the PostgreSQL server with process id ${pid}`);
  }
  for (const signal of ["SIGINT", "SIGQUIT", "SIGKILL"] as const) {
    if (!runs()) return;
    process.kill(pid, signal);
    await waitWhile(runs, patience.stopMs ?? 20_000);
  }
}

function pidIn(file: string): number | undefined {
  try {
    const pid = Number.parseInt(readFileSync(file, "utf8"), 10);
    return pid > 1 ? pid : undefined;
  } catch {
    return undefined;
  }
}

function isServerOf(dataDir: string, command: string): boolean {
  return command.includes("postgres") && command.split(" -D ")[1]?.startsWith(`${dataDir} `) === true;
}

async function waitWhile(condition: () => boolean, ms: number): Promise<void> {
  const untilMs = performance.now() + ms;
  while (condition() && performance.now() < untilMs) await sleep(25);
}
