import { spawn } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { availableParallelism, tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { Trap } from "../script/format.ts";
import { libraryNames } from "./libraries.ts";
import type { Verdict } from "./verdict.ts";

/** Verdicts by trap, then by library. */
export type Matrix = Readonly<Record<string, Readonly<Record<string, Verdict>>>>;

/** Long enough for a slow machine; only a loop that never ends reaches it. */
const hardTimeoutMs = 30_000;

/** Plays every trap against every library, each pair in a process of its own, as many at a time as there are cores. */
export async function playMatrix(
  traps: readonly Trap[],
  told: (done: number, all: number) => void,
): Promise<Matrix> {
  const matrix: Record<string, Record<string, Verdict>> = {};
  for (const { id } of traps) matrix[id] = {};
  const cache = await mkdtemp(join(tmpdir(), "outrigger-conformance-"));
  const pairs = traps.flatMap(({ id }) => libraryNames.map((library) => ({ id, library })));
  const all = pairs.length;
  let done = 0;
  const worker = async (): Promise<void> => {
    for (let pair = pairs.shift(); pair !== undefined; pair = pairs.shift()) {
      const verdict = await playInChild(pair.id, pair.library, cache);
      Object.assign(matrix[pair.id] ?? {}, { [pair.library]: verdict });
      done += 1;
      told(done, all);
    }
  };
  try {
    await Promise.all(Array.from({ length: Math.max(2, availableParallelism()) }, worker));
  } finally {
    await rm(cache, { recursive: true, force: true });
  }
  return matrix;
}

function playInChild(trap: string, library: string, cache: string): Promise<Verdict> {
  const { promise, resolve } = Promise.withResolvers<Verdict>();
  const failed = (what: string): void => resolve({ status: "fail", seen: [what], notes: [] });
  const child = spawn(
    process.execPath,
    [
      "--conditions=@outrigger/source",
      "--expose-gc",
      // What a library leaves unhandled is counted by the script, and must not end it.
      "--unhandled-rejections=warn",
      fileURLToPath(new URL("child.ts", import.meta.url)),
      trap,
      library,
    ],
    // Most of a child's time is reading TypeScript, and the next one reads the same.
    { stdio: ["ignore", "pipe", "pipe"], env: { ...process.env, NODE_COMPILE_CACHE: cache } },
  );
  const timer = setTimeout(() => {
    child.kill("SIGKILL");
    failed("never ends: the process was stopped");
  }, hardTimeoutMs);
  let [out, complaint] = ["", ""];
  child.stdout.on("data", (chunk: Buffer) => {
    out += chunk;
  });
  child.stderr.on("data", (chunk: Buffer) => {
    complaint += chunk;
  });
  child.on("error", (error) => failed(error.message));
  child.on("close", () => {
    clearTimeout(timer);
    const line = out.trim().split("\n").at(-1) ?? "";
    if (line.startsWith("{")) resolve(JSON.parse(line) as Verdict);
    else failed(`ended the process: ${/^\w*Error.*$/m.exec(complaint)?.[0] ?? "without a word"}`);
  });
  return promise;
}
