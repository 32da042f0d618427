import { ledgerDefaults, listDefaults, openSagaStates, openStates } from "@outrigger/ledger";
import { Command, type OptionValues } from "commander";
import { type Examples, examples } from "./examples.ts";
import { exitCodes } from "./exit.ts";
import type { Session } from "./session.ts";
import { timeoutDefault } from "./source/from-database.ts";
import { translatedError, translatedTitle } from "./text/commander.ts";

type OperationCommand = "list" | "show" | "resolve" | "retry" | "cancel" | "reconcile" | "doctor";
const ofSagas = ["list", "show", "retry", "cancel"] as const;

export type LedgerCommand = OperationCommand | `sagas ${(typeof ofSagas)[number]}`;

/** What was called, read but not yet checked. */
export interface Called {
  readonly command: LedgerCommand;
  readonly words: readonly string[];
  readonly flags: OptionValues;
}

/** Width of the help where nobody looks, so that it is the same everywhere. */
const helpColumns = 100;

/** The command line as commander knows it; `call` hears what was called. */
export function program(session: Session, version: string, call: (called: Called) => void): Command {
  const { text, terminal } = session;
  const { command: about, option, help } = text;
  const root = new Command("outrigger");

  const settled = (command: Command): Command =>
    command
      .helpCommand(false)
      .helpOption("-h, --help", option.help)
      .option("--lang <en|ko>", option.lang)
      .exitOverride()
      .configureHelp({
        helpWidth: terminal.columns ?? helpColumns,
        styleTitle: (title) => translatedTitle(text, title),
      })
      .configureOutput({ outputError: (message, write) => write(translatedError(text, message)) });

  settled(root)
    .description(about.about)
    .version(version, "-V, --version", option.version)
    .showHelpAfterError(false);
  const ledger = settled(root.command("ledger"))
    .description(about.ledger)
    .addHelpText("after", () => `\n${help.more}\n${help.utc}`);

  const ready = (command: Command, name: LedgerCommand, description: string): Command => {
    settled(command).description(description);
    command.addHelpText("after", () => footOf(session, examples[name]));
    return command.action(() =>
      call({ command: name, words: command.args, flags: command.optsWithGlobals() }),
    );
  };
  const leaf = (name: OperationCommand, words = ""): Command =>
    ready(ledger.command(`${name} ${words}`.trim()), name, about[name]);
  const source = (command: Command, app: boolean): Command => {
    command
      .option("--database <url>", option.database)
      .option("--schema <name>", option.schema, ledgerDefaults.schema);
    if (app) command.option("--app <module>", option.app);
    return command.option("--timeout <duration>", option.timeout, timeoutDefault);
  };
  const who = (command: Command): Command =>
    command
      .requiredOption("--reason <text>", option.reason)
      .option("--by <name>", option.by)
      .option("--yes", option.yes);
  const json = (command: Command): Command => command.option("--json", option.json);

  const pages = (command: Command): Command =>
    command
      .option("--wants-person", option.wantsPerson)
      .option("--limit <count>", `${option.limit} (${listDefaults.limit})`)
      .option("--after <id>", option.after)
      .option("--all", option.all);

  const list = leaf("list")
    .option("--state <state...>", `${option.state} (${openStates.join(", ")}, ...)`)
    .option("--operation <name>", option.operation)
    .option("--older-than <duration>", option.olderThan);
  source(json(pages(list)), true);

  const show = leaf("show", "<which...>").option("--request", option.request);
  source(json(show), true);

  for (const name of ["retry", "cancel"] as const) source(json(who(leaf(name, "<which...>"))), true);

  const resolve = leaf("resolve", "<which...>")
    .requiredOption("--as <committed|abandoned>", option.as)
    .option("--result <json>", option.result);
  json(who(resolve)).requiredOption("--app <module>", option.app);

  const reconcile = leaf("reconcile", "[name]")
    .option("--from <day>", option.from)
    .option("--to <day>", option.to)
    .option("--report <file>", option.report);
  json(reconcile).requiredOption("--app <module>", option.app);

  const sagas = settled(ledger.command("sagas")).description(about.sagas);
  for (const name of ofSagas) {
    const command = sagas.command(name, { isDefault: name === "list" });
    if (name !== "list") command.argument("<which...>", about.ofSagas.which);
    ready(command, `sagas ${name}`, about.ofSagas[name]);
    if (name === "list") {
      command
        .option("--state <state...>", `${option.state} (${openSagaStates.join(", ")}, ...)`)
        .option("--saga <name>", option.saga);
      pages(command);
    }
    if (name === "retry" || name === "cancel") who(command);
    source(json(command), true);
  }

  source(json(leaf("doctor").option("--move-after <duration>", option.moveAfter, "7d")), false);

  for (const [name, words] of [
    ["show", about.which],
    ["retry", about.which],
    ["cancel", about.which],
    ["resolve", about.which],
    ["reconcile", about.name],
  ] as const) {
    const argument = ledger.commands.find((each) => each.name() === name)?.registeredArguments[0];
    if (argument !== undefined) argument.description = words;
  }
  return root;
}

function footOf({ text }: Session, lines: Examples): string {
  const { help } = text;
  const exits = Object.entries(exitCodes).map(
    ([name, code]) => `  ${String(code).padEnd(4)} ${help.exit[name as keyof typeof exitCodes]}`,
  );
  return ["", help.examples, ...lines.map((line) => `  $ ${line}`), "", help.exits, ...exits, ""].join("\n");
}
