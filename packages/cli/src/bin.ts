#!/usr/bin/env node
import { exitCodes } from "./exit.ts";
import { main } from "./main.ts";

const interrupt = new AbortController();
for (const name of ["SIGINT", "SIGTERM"] as const) {
  process.on(name, () => {
    // Who asks twice does not want to wait.
    if (interrupt.signal.aborted) process.exit(exitCodes.interrupted);
    interrupt.abort();
  });
}
// A reader such as head has seen enough, and that is no failure. What stderr cannot say, nobody hears.
process.stdout.on("error", (error: NodeJS.ErrnoException) => {
  process.exit(error.code === "EPIPE" ? exitCodes.done : exitCodes.problem);
});
process.stderr.on("error", () => {});

const code = await main(process.argv.slice(2), process, interrupt.signal);
// An app's own pools and timers would keep the process. What is still on its way out of a pipe goes first.
process.stdout.write("", () => process.exit(code));
