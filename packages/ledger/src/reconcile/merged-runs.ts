import type { FileHandle } from "node:fs/promises";
import { type Keyed, newline, rowOf } from "./held-rows.ts";
import type { Run } from "./spill-file.ts";

/** Rows in a batch that leaves: few, so that little is there to outlive a collection of young objects. */
export const batchRows = 200;
/** Read at a time of each run. */
const blockBytes = 16 * 1024;

/** Reads a run block by block, and row by row from the block. */
export class Cursor<Row extends Keyed> {
  readonly #handle: FileHandle;
  readonly #toByte: number;
  /** Of the run among the others. */
  readonly index: number;
  #atByte: number;
  #block: Buffer = Buffer.alloc(blockBytes);
  /** What is left of the block: whole lines, and the beginning of one. */
  #from = 0;
  #to = 0;
  row: Row | undefined;

  constructor(handle: FileHandle, { fromByte, toByte }: Run, index: number) {
    this.#handle = handle;
    this.#atByte = fromByte;
    this.#toByte = toByte;
    this.index = index;
  }

  /** @returns whether more has to be read before there is a row, if there is one. */
  next(): boolean {
    const end = this.#from === this.#to ? -1 : this.#block.indexOf(newline, this.#from);
    if (end === -1 || end >= this.#to) {
      this.row = undefined;
      return this.#atByte < this.#toByte;
    }
    this.row = rowOf<Row>(this.#block, this.#from, end);
    this.#from = end + 1;
    return false;
  }

  async fill(): Promise<void> {
    do {
      const rest = this.#to - this.#from;
      // A row that is longer than the block is read on in a larger one.
      const block = rest < this.#block.length ? this.#block : Buffer.alloc(2 * this.#block.length);
      this.#block.copy(block, 0, this.#from, this.#to);
      this.#block = block;
      const length = Math.min(block.length - rest, this.#toByte - this.#atByte);
      const { bytesRead } = await this.#handle.read(block, rest, length, this.#atByte);
      if (bytesRead === 0)
        throw new Error("the file with sorted rows is shorter than what was written to it");
      this.#atByte += bytesRead;
      this.#from = 0;
      this.#to = rest + bytesRead;
    } while (this.next());
  }

  /** Of equal keys the earlier run comes first. */
  isBefore(other: Cursor<Row>): boolean {
    if (this.row === undefined || other.row === undefined) return false;
    if (this.row.key !== other.row.key) return this.row.key < other.row.key;
    return this.index < other.index;
  }
}

export async function* mergedRuns<Row extends Keyed>(
  cursors: readonly Cursor<Row>[],
): AsyncGenerator<readonly Row[]> {
  for (const cursor of cursors) await cursor.fill();
  const heap = new Heap(cursors);
  let batch: Row[] = [];
  for (let top = heap.top; top?.row !== undefined; top = heap.top) {
    batch.push(top.row);
    if (top.next()) await top.fill();
    heap.settle();
    if (batch.length < batchRows) continue;
    yield batch;
    batch = [];
  }
  if (batch.length > 0) yield batch;
}

/** The cursor with the smallest key on top. */
class Heap<Row extends Keyed> {
  readonly #items: Cursor<Row>[];

  constructor(cursors: readonly Cursor<Row>[]) {
    this.#items = [...cursors];
    for (let index = this.#items.length >> 1; index >= 0; index -= 1) this.#sink(index);
  }

  get top(): Cursor<Row> | undefined {
    return this.#items[0];
  }

  /** Puts the top where it belongs, after its row has changed. */
  settle(): void {
    if (this.#items[0]?.row === undefined) {
      const last = this.#items.pop();
      if (last === undefined || this.#items.length === 0) return;
      this.#items[0] = last;
    }
    this.#sink(0);
  }

  /** Makes no objects: lists of two, for each step of each row, were half of all garbage. */
  #sink(from: number): void {
    const items = this.#items;
    const sinking = items[from];
    if (sinking === undefined) return;
    let at = from;
    for (;;) {
      let child = 2 * at + 1;
      let least = items[child];
      const right = items[child + 1];
      if (least !== undefined && right?.isBefore(least) === true) {
        child += 1;
        least = right;
      }
      if (least === undefined || !least.isBefore(sinking)) break;
      items[at] = least;
      at = child;
    }
    items[at] = sinking;
  }
}
