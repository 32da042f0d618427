import { once } from "node:events";
import { createInterface } from "node:readline/promises";
import type { ReadStream, WriteStream } from "node:tty";

/** What the command writes to and asks. Data goes to `out`, everything said to people beside it to `say`. */
export interface Terminal {
  /** Resolves when more may be written. */
  out(line: string): Promise<void>;
  say(line: string): void;
  /** Width of the screen; undefined where the data goes to a file or another program. */
  readonly columns: number | undefined;
  readonly style: Style;
  /** The same for what is said. */
  readonly sayStyle: Style;
  /** Whether there is somebody who can be asked. */
  readonly canAsk: boolean;
  ask(question: string): Promise<string>;
  /** Aborts on Ctrl-C. */
  readonly signal: AbortSignal;
}

export type Paint = (text: string) => string;

export interface Style {
  readonly bold: Paint;
  readonly dim: Paint;
  readonly good: Paint;
  readonly bad: Paint;
  readonly warn: Paint;
}

export interface Streams {
  readonly stdin: ReadStream | NodeJS.ReadableStream;
  readonly stdout: WriteStream | NodeJS.WritableStream;
  readonly stderr: WriteStream | NodeJS.WritableStream;
  readonly env: Readonly<Record<string, string | undefined>>;
}

export function terminal({ stdin, stdout, stderr, env }: Streams, signal: AbortSignal): Terminal {
  const outIsTty = isTty(stdout);
  const sayIsTty = isTty(stderr);
  return {
    async out(line) {
      if (!stdout.write(`${line}\n`)) await once(stdout, "drain", { signal });
    },
    say: (line) => void stderr.write(`${line}\n`),
    columns: outIsTty ? columnsOf(stdout) : undefined,
    style: style(outIsTty && wantsColour(env)),
    sayStyle: style(sayIsTty && wantsColour(env)),
    canAsk: isTty(stdin) && sayIsTty,
    async ask(question) {
      // Without line editing, Ctrl-C is the process's own and not the question's.
      const lines = createInterface({ input: stdin, output: stderr, terminal: false });
      try {
        const ended = once(lines, "close").then(() => "");
        return await Promise.race([lines.question(question), ended]);
      } finally {
        lines.close();
      }
    },
    signal,
  };
}

/** Source: no-color.org; a terminal that calls itself dumb shows escape sequences as they are. */
function wantsColour(env: Streams["env"]): boolean {
  return (env["NO_COLOR"] ?? "") === "" && env["TERM"] !== "dumb";
}

/** The sixteen colours that every terminal's theme chooses itself. Source: ECMA-48, SGR. */
function style(coloured: boolean): Style {
  const paint =
    (start: number, end: number): Paint =>
    (text) =>
      coloured && text !== "" ? `\u001b[${start}m${text}\u001b[${end}m` : text;
  return {
    bold: paint(1, 22),
    dim: paint(2, 22),
    good: paint(32, 39),
    bad: paint(31, 39),
    warn: paint(33, 39),
  };
}

function isTty(stream: object): boolean {
  return Reflect.get(stream, "isTTY") === true;
}

/** What terminals are wide that do not say. */
const usualColumns = 80;

function columnsOf(stream: object): number {
  const columns: unknown = Reflect.get(stream, "columns");
  return typeof columns === "number" && columns > 0 ? columns : usualColumns;
}
