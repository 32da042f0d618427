import type { Terminal } from "./terminal/terminal.ts";
import type { Text } from "./text/en.ts";
import type { Language } from "./text/language.ts";

/** What every command has: a terminal, and a language. */
export interface Session {
  readonly terminal: Terminal;
  readonly text: Text;
  readonly language: Language;
  readonly env: Readonly<Record<string, string | undefined>>;
}
