/** Control characters of C0 and C1, and what breaks a line where none is expected. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
const control = /[\u0000-\u001f\u007f-\u009f\u2028\u2029\u202a-\u202e\u2066-\u2069]/g;
const written: Readonly<Record<string, string>> = { "\n": "\\n", "\r": "\\r", "\t": "\\t" };

/**
 * Text of others, such as a provider's message, on one line and without power over the terminal: an escape sequence in it
 * could rewrite what the operator reads.
 */
export function safe(text: string): string {
  return text.toWellFormed().replace(control, (each) => written[each] ?? escaped(each));
}

/** JSON in which such characters are escaped too; JSON.stringify leaves those above U+001F as they are. */
export function safeJson(value: unknown): string {
  return JSON.stringify(value).replace(control, escaped);
}

function escaped(character: string): string {
  return `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`;
}
