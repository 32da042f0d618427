import type { Text } from "./en.ts";

/** The headings that commander writes, in the session's language. */
export function translatedTitle(text: Text, title: string): string {
  const { usage, arguments: args, options, commands } = text.help;
  const titles: Readonly<Record<string, string>> = {
    "Usage:": usage,
    "Arguments:": args,
    "Options:": options,
    "Commands:": commands,
  };
  return titles[title] ?? title;
}

/** Commander's complaints, in the session's language; one that is not known stays as it is. */
export function translatedError({ usage }: Text, message: string): string {
  const bare = message.trim().replace(/^error: /, "");
  const [complaint = "", ...rest] = bare.split("\n");
  const hint = /\(Did you mean (?:one of )?(.*)\?\)/.exec(rest.join(" "))?.[1];
  const said = translations(usage).find(([pattern]) => pattern.test(complaint));
  const [, name = ""] = said?.[0].exec(complaint) ?? [];
  const translated = said === undefined ? complaint : said[1](name);
  return `${usage.error}: ${translated}${hint === undefined ? "" : `; ${usage.didYouMean(hint)}`}\n`;
}

function translations(
  usage: Text["usage"],
): readonly (readonly [pattern: RegExp, said: (name: string) => string])[] {
  return [
    [/^unknown command '(.*)'$/, usage.unknownCommand],
    [/^unknown option '(.*)'$/, usage.unknownOption],
    [/^missing required argument '(.*)'$/, usage.missingArgument],
    [/^option '(.*)' argument missing$/, usage.missingValue],
    [/^required option '(.*)' not specified$/, usage.missingOption],
    [/^too many arguments/, () => usage.tooMany],
  ];
}
