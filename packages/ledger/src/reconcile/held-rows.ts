export interface Keyed {
  readonly key: string;
}

/** The most that UTF-8 needs for a unit of a string. */
const bytesPerUnit = 3;
const firstBytes = 256 * 1024;
/** Ends a line; in JSON it is always written as two other characters. */
export const newline = 0x0a;

/** Rows as lines of JSON in one buffer that is used again for the next ones, with their keys beside. */
export class HeldRows {
  #bytes: Buffer = Buffer.alloc(firstBytes);
  #sorted: Buffer = Buffer.alloc(0);
  #keys: string[] = [];
  /** Where each line ends. */
  #ends: number[] = [];

  get length(): number {
    return this.#keys.length;
  }

  add(row: Keyed): void {
    const line = JSON.stringify(row);
    const start = this.#ends.at(-1) ?? 0;
    const needed = start + line.length * bytesPerUnit + 1;
    if (needed > this.#bytes.length) {
      const larger = Buffer.alloc(Math.max(needed, 2 * this.#bytes.length));
      this.#bytes.copy(larger, 0, 0, start);
      this.#bytes = larger;
    }
    const end = start + this.#bytes.write(line, start);
    this.#bytes[end] = newline;
    this.#keys.push(row.key);
    this.#ends.push(end + 1);
  }

  /** @returns its lines by key, valid until the next time; it is empty afterwards. */
  takeSorted(): Buffer {
    const keys = this.#keys;
    const ends = this.#ends;
    this.#keys = [];
    this.#ends = [];
    if (this.#sorted.length < this.#bytes.length) this.#sorted = Buffer.alloc(this.#bytes.length);
    // The sort is stable, so that rows with the same key keep their order.
    const order = Array.from(keys, (_, index) => index).sort((a, b) => compare(keys[a], keys[b]));
    let filled = 0;
    for (const index of order) {
      filled += this.#bytes.copy(this.#sorted, filled, ends[index - 1] ?? 0, ends[index]);
    }
    return this.#sorted.subarray(0, filled);
  }

  free(): void {
    this.#bytes = Buffer.alloc(0);
    this.#sorted = Buffer.alloc(0);
  }
}

function compare(a = "", b = ""): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

/** @param end - Of the line, where its newline stands. */
export function rowOf<Row>(lines: Buffer, from: number, end: number): Row {
  return JSON.parse(lines.toString("utf8", from, end)) as Row;
}
