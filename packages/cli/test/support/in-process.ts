import { Writable } from "node:stream";
import { main, type Streams } from "@outrigger/cli";

/** Runs the command in this process, for what only prints. */
export async function printed(
  args: readonly string[],
): Promise<{ readonly code: number; readonly stdout: string }> {
  let stdout = "";
  const out = new Writable({
    write(chunk, _encoding, done) {
      stdout += String(chunk);
      done();
    },
  });
  const streams: Streams = { stdin: process.stdin, stdout: out, stderr: out, env: {} };
  const code = await main(args, streams, new AbortController().signal);
  return { code, stdout };
}
