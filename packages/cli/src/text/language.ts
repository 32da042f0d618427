import { en, type Text } from "./en.ts";
import { ko } from "./ko.ts";

export const languages = ["en", "ko"] as const;
export type Language = (typeof languages)[number];

export const texts: Readonly<Record<Language, Text>> = { en, ko };

/**
 * The language to speak: `--lang` wherever it stands, else the environment's. Read before the options are, because their
 * descriptions and complaints are in that language too.
 */
export function languageOf(
  args: readonly string[],
  env: Readonly<Record<string, string | undefined>>,
): Language {
  for (const [index, arg] of args.entries()) {
    const value = arg === "--lang" ? args[index + 1] : arg.startsWith("--lang=") ? arg.slice(7) : undefined;
    const known = languages.find((each) => each === value);
    if (known !== undefined) return known;
  }
  // The first one that is set counts. Source: POSIX, "Environment Variables", 8.2.
  const locale = [env["LC_ALL"], env["LC_MESSAGES"], env["LANG"]].find(
    (each) => each !== undefined && each !== "",
  );
  return locale?.toLowerCase().startsWith("ko") === true ? "ko" : "en";
}
