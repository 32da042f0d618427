import { readFileSync } from "node:fs";
import { type Command, CommanderError } from "commander";
import { type ExitCode, exitCodes, orInterrupted, Stop } from "./exit.ts";
import { stopOf } from "./failure.ts";
import { type Called, program } from "./program.ts";
import { prepared } from "./run.ts";
import type { Session } from "./session.ts";
import type { Source } from "./source/source.ts";
import { type Streams, terminal } from "./terminal/terminal.ts";
import { languageOf, languages, texts } from "./text/language.ts";

/**
 * The command `outrigger`, as its bin runs it.
 *
 * @param args - Without the program's own name.
 * @returns what the process has to exit with.
 */
export async function main(
  args: readonly string[],
  streams: Streams,
  signal: AbortSignal,
): Promise<ExitCode> {
  const language = languageOf(args, streams.env);
  const session: Session = {
    terminal: terminal(streams, signal),
    text: texts[language],
    language,
    env: streams.env,
  };
  const called = await readArgs(session, args, streams);
  return typeof called === "number" ? called : await run(session, called);
}

/** What was called; an exit code where nothing is left to do. */
async function readArgs(
  session: Session,
  args: readonly string[],
  { stdout, stderr }: Streams,
): Promise<Called | ExitCode> {
  let called: Called | undefined;
  const root = program(session, versionOfPackage(), (each) => {
    called = each;
  });
  for (const command of allOf(root)) {
    command.configureOutput({
      ...command.configureOutput(),
      writeOut: (text) => void stdout.write(text),
      writeErr: (text) => void stderr.write(text),
    });
  }
  try {
    await root.parseAsync([...args], { from: "user" });
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error;
    // Help that was asked for is an answer; help for who called nothing is a complaint.
    if (error.exitCode === 0) return exitCodes.done;
    if (!error.code.startsWith("commander.help"))
      session.terminal.say(session.text.usage.seeHelp(commandOf(args, root)));
    return exitCodes.usage;
  }
  return called ?? exitCodes.usage;
}

function allOf(command: Command): readonly Command[] {
  return [command, ...command.commands.flatMap(allOf)];
}

/** What changes nothing. */
const looking: ReadonlySet<Called["command"]> = new Set([
  "list",
  "show",
  "doctor",
  "sagas list",
  "sagas show",
]);

async function run(session: Session, called: Called): Promise<ExitCode> {
  const { terminal: to, text } = session;
  let source: Source | undefined;
  const work = async (): Promise<ExitCode> => {
    const { lang } = called.flags;
    if (lang !== undefined && !languages.some((each) => each === lang)) {
      throw new Stop(exitCodes.usage, text.usage.badLang);
    }
    const { open, act } = prepared(session, called);
    source = await open();
    return await act(source);
  };
  try {
    // What moves something, or works by days, knows better where it may be left.
    const leave = looking.has(called.command);
    return await (leave ? orInterrupted(to.signal, text.failure.interrupted, work()) : work());
  } catch (error) {
    const stop = stopOf(text, error, source);
    to.say(`${to.sayStyle.bad(text.usage.error)}: ${stop.message}`);
    return stop.exitCode;
  } finally {
    // What it waits for does not matter any more: the process ends.
    source?.close().catch(() => {});
  }
}

/** The command that was meant, for a pointer to its help. */
function commandOf(args: readonly string[], root: Command): string {
  const path = [root.name()];
  let at = root;
  for (const arg of args) {
    const found = at.commands.find((each) => each.name() === arg);
    if (found === undefined) continue;
    path.push(arg);
    at = found;
  }
  return path.join(" ");
}

function versionOfPackage(): string {
  const manifest: unknown = JSON.parse(readFileSync(new URL("../package.json", import.meta.url), "utf8"));
  return String(Reflect.get(manifest as object, "version"));
}
