/** Text that PostgreSQL can store: well-formed, without NUL, and of bounded length. */
export function storableText(text: string): string {
  const clean = text.toWellFormed().replaceAll("\0", "\u{fffd}");
  return clean.length > 1_000 ? `${clean.slice(0, 997).toWellFormed()}...` : clean;
}
