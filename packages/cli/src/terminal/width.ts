const segmenter = new Intl.Segmenter("en", { granularity: "grapheme" });
const wide =
  /[\p{Script=Hangul}\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}\u3000-\u303f\uff01-\uff60\uffe0-\uffe6]|\p{Emoji_Presentation}/u;
const none = /^\p{M}+$/u;

/** Columns that a terminal uses for a text without control characters. Source: Unicode Annex 11. */
export function widthOf(text: string): number {
  // Nearly everything is ASCII.
  if (/^[\x20-\x7e]*$/.test(text)) return text.length;
  let width = 0;
  for (const { segment } of segmenter.segment(text)) width += columnsOf(segment);
  return width;
}

/** The text, cut to this many columns; an ellipsis says that it was. */
export function fitted(text: string, columns: number): string {
  if (widthOf(text) <= columns) return text;
  let kept = "";
  let width = 0;
  for (const { segment } of segmenter.segment(text)) {
    width += columnsOf(segment);
    if (width > columns - 1) break;
    kept += segment;
  }
  return `${kept}…`;
}

export function padded(text: string, columns: number): string {
  return text + " ".repeat(Math.max(0, columns - widthOf(text)));
}

function columnsOf(segment: string): number {
  return none.test(segment) ? 0 : wide.test(segment) ? 2 : 1;
}
