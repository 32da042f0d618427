import { type FileHandle, mkdtemp, open, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

export interface SortOptions {
  /** Rows held at a time. Range: integer >= 1. */
  readonly rowsInMemory: number;
}

interface Keyed {
  readonly key: string;
}

/** Where a sorted run stands in the file. */
interface Run {
  readonly fromByte: number;
  readonly toByte: number;
}

/**
 * Sorts by key more rows than fit into memory; rows with the same key keep their order. Rows are plain JSON.
 *
 * What does not fit stands in a file without a name, which is gone with the process, however that ends. What is held is
 * held as bytes, and is a row only while it passes by: a million objects that live for a while are garbage that is
 * collected late, and were most of the memory.
 */
export async function* sortedByKey<Row extends Keyed>(
  batches: AsyncIterable<readonly Row[]>,
  { rowsInMemory }: SortOptions,
): AsyncGenerator<readonly Row[]> {
  let file: SpillFile | undefined;
  try {
    const held = new HeldRows();
    const runs: Run[] = [];
    for await (const batch of batches) {
      for (const row of batch) {
        held.add(row);
        if (held.length < rowsInMemory) continue;
        file ??= await openSpillFile();
        runs.push(await writeRun(file, held));
      }
    }
    if (file === undefined) {
      yield* inBatches<Row>(held);
      return;
    }
    if (held.length > 0) runs.push(await writeRun(file, held));
    held.free();
    const { handle } = file;
    yield* mergedRuns(runs.map((run) => new Cursor<Row>(handle, run)));
  } finally {
    await file?.close();
  }
}

/** Rows in a batch that leaves. */
const batchRows = 1_000;
/** Read at a time of each run. */
const blockBytes = 16 * 1024;
/** Written at a time, as soon as there is so much. */
const writeBytes = 256 * 1024;
/** The most that UTF-8 needs for a unit of a string. */
const bytesPerUnit = 3;
const newline = 0x0a;

/** Rows as lines of JSON in one buffer that is used again for the next ones, with their keys beside. */
class HeldRows {
  #bytes: Buffer = Buffer.alloc(writeBytes);
  #keys: string[] = [];
  /** Where each line begins, and where the next one will. */
  #starts: number[] = [0];

  get length(): number {
    return this.#keys.length;
  }

  add(row: Keyed): void {
    const line = `${JSON.stringify(row)}\n`;
    const start = this.#starts.at(-1) ?? 0;
    const needed = start + line.length * bytesPerUnit;
    if (needed > this.#bytes.length) {
      const larger = Buffer.alloc(Math.max(needed, 2 * this.#bytes.length));
      this.#bytes.copy(larger, 0, 0, start);
      this.#bytes = larger;
    }
    this.#keys.push(row.key);
    this.#starts.push(start + this.#bytes.write(line, start));
  }

  /** Its lines by key, and empty afterwards. A line is valid until the next row is added. */
  *sortedLines(): Generator<Buffer> {
    const keys = this.#keys;
    const starts = this.#starts;
    this.#keys = [];
    this.#starts = [0];
    const order = Array.from(keys, (_, index) => index).sort((a, b) => compare(keys[a], keys[b]) || a - b);
    for (const index of order) yield this.#bytes.subarray(starts[index], starts[index + 1]);
  }

  free(): void {
    this.#bytes = Buffer.alloc(0);
  }
}

function compare(a = "", b = ""): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

const rowOf = <Row>(line: Buffer): Row => JSON.parse(line.toString("utf8")) as Row;

function* inBatches<Row>(held: HeldRows): Generator<readonly Row[]> {
  let batch: Row[] = [];
  for (const line of held.sortedLines()) {
    batch.push(rowOf<Row>(line));
    if (batch.length < batchRows) continue;
    yield batch;
    batch = [];
  }
  if (batch.length > 0) yield batch;
}

interface SpillFile {
  readonly handle: FileHandle;
  bytes: number;
  /** What is about to be written. */
  readonly block: Buffer;
  close(): Promise<void>;
}

async function openSpillFile(): Promise<SpillFile> {
  const directory = await mkdtemp(join(tmpdir(), "outrigger-sort-"));
  const remove = (): Promise<void> => rm(directory, { recursive: true, force: true });
  try {
    const handle = await open(join(directory, "rows"), "wx+", 0o600);
    // Where the system does not let go of an open file's name, it goes at the end.
    await remove().catch(() => {});
    return {
      handle,
      bytes: 0,
      block: Buffer.alloc(writeBytes),
      close: async () => {
        await handle.close();
        await remove();
      },
    };
  } catch (error) {
    await remove();
    throw error;
  }
}

async function writeRun(file: SpillFile, held: HeldRows): Promise<Run> {
  const fromByte = file.bytes;
  let filled = 0;
  for (const line of held.sortedLines()) {
    if (filled + line.length > file.block.length) {
      await append(file, file.block.subarray(0, filled));
      filled = 0;
    }
    if (line.length > file.block.length) await append(file, line);
    else filled += line.copy(file.block, filled);
  }
  await append(file, file.block.subarray(0, filled));
  return { fromByte, toByte: file.bytes };
}

async function append(file: SpillFile, bytes: Buffer): Promise<void> {
  for (let done = 0; done < bytes.length; ) {
    const { bytesWritten } = await file.handle.write(bytes, done, bytes.length - done, file.bytes);
    done += bytesWritten;
    file.bytes += bytesWritten;
  }
}

/** Reads a run block by block, and row by row from the block. */
class Cursor<Row> {
  readonly #handle: FileHandle;
  readonly #toByte: number;
  #atByte: number;
  #block: Buffer = Buffer.alloc(blockBytes);
  /** What is left of the block: whole lines, and the beginning of one. */
  #from = 0;
  #to = 0;
  row: Row | undefined;

  constructor(handle: FileHandle, { fromByte, toByte }: Run) {
    this.#handle = handle;
    this.#atByte = fromByte;
    this.#toByte = toByte;
  }

  /** @returns whether more has to be read before there is a row, if there is one. */
  next(): boolean {
    const end = this.#from === this.#to ? -1 : this.#block.indexOf(newline, this.#from);
    if (end === -1 || end >= this.#to) {
      this.row = undefined;
      return this.#atByte < this.#toByte;
    }
    this.row = rowOf<Row>(this.#block.subarray(this.#from, end));
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
}

async function* mergedRuns<Row extends Keyed>(cursors: Cursor<Row>[]): AsyncGenerator<readonly Row[]> {
  for (const cursor of cursors) await cursor.fill();
  const heap = new Heap(cursors.filter(({ row }) => row !== undefined));
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

/** The cursor with the smallest key on top; of equal ones the earlier run. */
class Heap<Row extends Keyed> {
  readonly #order: Map<Cursor<Row>, number>;
  readonly #items: Cursor<Row>[];

  constructor(cursors: readonly Cursor<Row>[]) {
    this.#order = new Map(cursors.map((cursor, index) => [cursor, index]));
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

  #isBefore(a: Cursor<Row> | undefined, b: Cursor<Row> | undefined): boolean {
    if (a?.row === undefined || b?.row === undefined) return false;
    if (a.row.key !== b.row.key) return a.row.key < b.row.key;
    return (this.#order.get(a) ?? 0) < (this.#order.get(b) ?? 0);
  }

  #sink(from: number): void {
    const items = this.#items;
    for (let at = from; ; ) {
      let least = at;
      for (const child of [2 * at + 1, 2 * at + 2]) {
        if (this.#isBefore(items[child], items[least])) least = child;
      }
      const [a, b] = [items[at], items[least]];
      if (least === at || a === undefined || b === undefined) return;
      items[at] = b;
      items[least] = a;
      at = least;
    }
  }
}
