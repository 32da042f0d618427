/** Text that PostgreSQL can store: well-formed, without NUL, and of bounded length. */
export function storableText(text: string, atMost = 1_000): string {
  const clean = text.toWellFormed().replaceAll("\0", "\u{fffd}");
  return clean.length > atMost ? `${clean.slice(0, atMost - 3).toWellFormed()}...` : clean;
}
