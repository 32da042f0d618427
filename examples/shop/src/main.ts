import { mkdir, writeFile } from "node:fs/promises";
import { join, resolve } from "node:path";
import { seededRandom } from "@outrigger/lab";
import { type CliOptions, readCliOptions } from "./cli-options.ts";
import { consoleServer } from "./console/console-server.ts";
import { Observer } from "./console/observer.ts";
import { type Messages, messages } from "./messages.ts";
import { type Stack, startStack } from "./stack.ts";
import { writeEvidence } from "./storm/evidence.ts";
import { runStorm, type StormProgress } from "./storm/storm.ts";
import { summarize, summaryTable } from "./storm/summary.ts";
import { DemoTraffic } from "./traffic/demo-traffic.ts";
import { wantedPort } from "./wanted-port.ts";

/** For people, and never on stdout, which belongs to the result. */
const say = (text: string): void => void process.stderr.write(`${text}\n`);

// An interrupted storm leaves customers waiting for answers; nothing of theirs is worth waiting for.
process.exit(await main());

async function main(): Promise<number> {
  let options: CliOptions;
  try {
    options = readCliOptions(process.argv.slice(2), process.env);
  } catch (error) {
    say(error instanceof Error ? error.message : String(error));
    return 2;
  }
  const words = messages[options.language];
  if (options.help) {
    process.stdout.write(`${words.usage}\n`);
    return 0;
  }
  const interrupted = interruption();
  let stack: Stack;
  try {
    stack = await startStack({
      port: options.port,
      strictPort: options.portGiven,
      database: options.database,
      onProgress: (step) => say(`  ${words.starting[step]} ...`),
    });
  } catch (error) {
    say(error instanceof Error ? error.message : String(error));
    return 1;
  }
  try {
    return options.storm === undefined
      ? await serve(stack, options, words, interrupted)
      : await Promise.race([storm(stack, options.storm, options, words), interrupted.then(() => 130)]);
  } finally {
    say(`\n  ${words.stopping} ...`);
    await stack.stop();
  }
}

/** Ctrl-C, a request to end, or the end of whoever started this: npm passes no signal on. */
function interruption(): Promise<void> {
  return new Promise((done) => {
    for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.on(signal, () => done());
    const parent = process.ppid;
    setInterval(() => {
      if (process.ppid !== parent) done();
    }, 500).unref();
  });
}

async function serve(
  stack: Stack,
  options: CliOptions,
  words: Messages,
  interrupted: Promise<void>,
): Promise<number> {
  say(`  ${words.starting.console} ...`);
  const observer = new Observer(stack);
  const traffic = new DemoTraffic(stack.shopUrl, seededRandom(process.pid));
  const server = await consoleServer(stack, observer, traffic);
  try {
    const port = await wantedPort(options.port === 0 ? 0 : options.port + 1);
    const address = await server.listen({ host: "127.0.0.1", port });
    traffic.perSecond = options.perSecond;
    say(words.ready({ shop: stack.shopUrl, console: address, providers: stack.providers }));
    await interrupted;
    return 0;
  } finally {
    traffic.close();
    await server.close();
  }
}

async function storm(
  stack: Stack,
  { durationMs, seed, out }: NonNullable<CliOptions["storm"]>,
  { perSecond, json }: CliOptions,
  words: Messages,
): Promise<number> {
  const onProgress = (progress: StormProgress): void => say(progressLine(progress, durationMs, words));
  const record = await runStorm(stack, { durationMs, seed, perSecond, onProgress });
  const summary = summarize(record);
  if (out !== undefined) {
    const directory = resolve(out);
    await mkdir(directory, { recursive: true });
    await writeEvidence(directory, record.evidence);
    await writeFile(join(directory, "summary.json"), `${JSON.stringify(summary, null, 2)}\n`);
    say(`\n  ${words.evidence(directory)}`);
  }
  if (json) process.stdout.write(`${JSON.stringify(summary)}\n`);
  else process.stdout.write(`\n${summaryTable(summary, words.rows)}\n\n`);
  for (const [provider, kinds] of Object.entries(summary.faultsUnused)) {
    if (kinds.length > 0) say(`  ${words.unusedFaults(provider, kinds.join(", "))}`);
  }
  say(`  ${summary.passed ? words.passed : words.failed}`);
  return summary.passed ? 0 : 1;
}

function progressLine(progress: StormProgress, durationMs: number, words: Messages): string {
  const seconds = Math.round(progress.elapsedMs / 1_000);
  const of = progress.phase === "storm" ? `/${Math.round(durationMs / 1_000)}` : "";
  const faults = Object.entries(progress.faults)
    .map(([provider, kind]) => `${provider}: ${kind}`)
    .join(", ");
  const pending = progress.pending === undefined ? "" : `, ${words.rows.pending} ${progress.pending}`;
  const { sent, kills } = progress;
  return `  [${seconds}${of}s] ${words.phase[progress.phase]}: ${words.progress({ sent, kills, faults, pending })}`;
}
