// Which versions of PostgreSQL are asked for, and which of npm's packages has each.

/** The majors that the ledger supports, beside the one that all of the tests run on. */
export const olderMajors: readonly number[] = [15, 16, 17];

const oldestMajor = 15;

/** @throws RangeError for what is no list of supported majors. */
export function majorsIn(given: string): readonly number[] {
  const majors = given.split(",").map((part) => (/^\s*\d{1,3}\s*$/.test(part) ? Number(part) : Number.NaN));
  if (majors.some((major) => !(major >= oldestMajor))) {
    throw new RangeError(
      `--postgres must be majors from ${oldestMajor} on, separated by commas, such as ${olderMajors.join(",")}; ` +
        `got ${JSON.stringify(given)}`,
    );
  }
  return [...new Set(majors)];
}

/** The newest package of a major: its versions are PostgreSQL's own, with a number of the package behind. */
export function newestOf(major: number, published: readonly string[]): string | undefined {
  return published
    .filter((version) => version.startsWith(`${major}.`))
    .toSorted((a, b) => compared(numbersIn(a), numbersIn(b)))
    .at(-1);
}

const numbersIn = (version: string): readonly number[] => (version.match(/\d+/g) ?? []).map(Number);

function compared(a: readonly number[], b: readonly number[]): number {
  for (const [index, number] of a.entries()) {
    const difference = number - (b[index] ?? 0);
    if (difference !== 0) return difference;
  }
  return a.length - b.length;
}
