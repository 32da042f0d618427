import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";

export interface Ended {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface SpawnCliOptions {
  readonly env?: Readonly<Record<string, string>>;
  /** Sees the process while it runs. */
  readonly started?: (child: ChildProcess) => void;
}

export const bin: string = fileURLToPath(new URL("../../src/bin.ts", import.meta.url));

/** What a shell would start, from sources. */
export const nodeArgs: readonly string[] = ["--conditions=@outrigger/source", bin];

/** Nothing of the tests' own environment leads to a database or a language. */
export function cleanEnv(env: Readonly<Record<string, string>> = {}): NodeJS.ProcessEnv {
  const { PATH, HOME } = process.env;
  return { PATH, HOME, ...env };
}

/** Runs the command as a user would, in a process of its own, without a terminal. */
export async function spawnCli(
  args: readonly string[],
  { env, started }: SpawnCliOptions = {},
): Promise<Ended> {
  const child = spawn(process.execPath, [...nodeArgs, ...args], {
    env: cleanEnv(env),
    stdio: ["ignore", "pipe", "pipe"],
  });
  const texts = { stdout: "", stderr: "" };
  for (const name of ["stdout", "stderr"] as const) {
    child[name].setEncoding("utf8").on("data", (text: string) => {
      texts[name] += text;
    });
  }
  started?.(child);
  const [code] = (await once(child, "close")) as [number | null];
  return { code, ...texts };
}
