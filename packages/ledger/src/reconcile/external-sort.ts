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
 * What does not fit stands in a file without a name, which is gone with the process, however that ends.
 */
export async function* sortedByKey<Row extends Keyed>(
  batches: AsyncIterable<readonly Row[]>,
  { rowsInMemory }: SortOptions,
): AsyncGenerator<readonly Row[]> {
  let file: SpillFile | undefined;
  try {
    let rows: Row[] = [];
    const runs: Run[] = [];
    for await (const batch of batches) {
      for (const row of batch) {
        rows.push(row);
        if (rows.length < rowsInMemory) continue;
        file ??= await openSpillFile();
        runs.push(await writeRun(file, rows.sort(byKey)));
        rows = [];
      }
    }
    rows.sort(byKey);
    if (file === undefined) {
      if (rows.length > 0) yield rows;
      return;
    }
    const cursors: Cursor<Row>[] = [];
    for (const run of runs) cursors.push(new Cursor<Row>(file, run, []));
    cursors.push(new Cursor<Row>(file, { fromByte: 0, toByte: 0 }, rows));
    yield* mergedRuns(cursors);
  } finally {
    await file?.close();
  }
}

const byKey = (a: Keyed, b: Keyed): number => (a.key < b.key ? -1 : a.key > b.key ? 1 : 0);

/** Rows in a batch that leaves. */
const batchRows = 1_000;
/** Read at a time of each run. */
const blockBytes = 16 * 1024;
/** Written at a time. */
const writeRows = 200;

interface SpillFile {
  readonly handle: FileHandle;
  bytes: number;
  /** For one read or write at a time: buffers that are thrown away are freed late, and would be most of the memory. */
  scratch: Buffer;
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
      scratch: Buffer.alloc(blockBytes),
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

async function writeRun(file: SpillFile, rows: readonly Keyed[]): Promise<Run> {
  const fromByte = file.bytes;
  for (let index = 0; index < rows.length; index += writeRows) {
    let text = "";
    for (const row of rows.slice(index, index + writeRows)) text += `${JSON.stringify(row)}\n`;
    const block = scratchOf(file, text.length * bytesPerUnit);
    const length = block.write(text);
    for (let done = 0; done < length; ) {
      const { bytesWritten } = await file.handle.write(block, done, length - done, file.bytes);
      done += bytesWritten;
      file.bytes += bytesWritten;
    }
  }
  return { fromByte, toByte: file.bytes };
}

/** The most that UTF-8 needs for a unit of a string. */
const bytesPerUnit = 3;

function scratchOf(file: SpillFile, bytes: number): Buffer {
  if (file.scratch.length < bytes) file.scratch = Buffer.alloc(bytes);
  return file.scratch;
}

/** Reads a run block by block. */
class Cursor<Row> {
  readonly #file: SpillFile;
  readonly #toByte: number;
  #atByte: number;
  #rows: readonly Row[];
  #index = 0;

  constructor(file: SpillFile, run: Run, rows: readonly Row[]) {
    this.#file = file;
    this.#atByte = run.fromByte;
    this.#toByte = run.toByte;
    this.#rows = rows;
  }

  get row(): Row | undefined {
    return this.#rows[this.#index];
  }

  /** @returns whether a block has to be read before there is a row. */
  next(): boolean {
    this.#index += 1;
    return this.#index >= this.#rows.length && this.#atByte < this.#toByte;
  }

  async fill(): Promise<void> {
    for (let size = blockBytes; this.row === undefined && this.#atByte < this.#toByte; size *= 2) {
      const length = Math.min(size, this.#toByte - this.#atByte);
      const block = scratchOf(this.#file, length);
      const { bytesRead } = await this.#file.handle.read(block, 0, length, this.#atByte);
      if (bytesRead === 0)
        throw new Error("the file with sorted rows is shorter than what was written to it");
      // A row that is longer than the block is read again with a larger one.
      const end = block.lastIndexOf(newline, bytesRead - 1);
      if (end === -1) continue;
      this.#atByte += end + 1;
      this.#rows = JSON.parse(`[${block.toString("utf8", 0, end).replaceAll("\n", ",")}]`) as Row[];
      this.#index = 0;
    }
  }
}

const newline = 0x0a;

async function* mergedRuns<Row extends Keyed>(cursors: Cursor<Row>[]): AsyncGenerator<readonly Row[]> {
  // One after the other, because they share a buffer.
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
