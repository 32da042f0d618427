import { Writable } from "node:stream";
import { main } from "@outrigger/cli";
import type { Ended } from "./spawn-cli.ts";

/** Runs the command in this process, without a terminal: for what needs no process of its own to be seen. */
export async function ran(
  args: readonly string[],
  env: Readonly<Record<string, string>> = {},
): Promise<Ended> {
  const [stdout, stderr] = [new Texts(), new Texts()];
  const streams = { stdin: process.stdin, stdout, stderr, env };
  const code = await main(args, streams, new AbortController().signal);
  return { code, stdout: stdout.text, stderr: stderr.text };
}

class Texts extends Writable {
  text = "";

  override _write(chunk: unknown, _encoding: string, done: () => void): void {
    this.text += String(chunk);
    done();
  }
}
