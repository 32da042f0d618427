import { HeldRows, type Keyed, newline, rowOf } from "./held-rows.ts";
import { batchRows, Cursor, mergedRuns } from "./merged-runs.ts";
import { openSpillFile, type Run, type SpillFile } from "./spill-file.ts";

export interface SortOptions {
  /** Rows held at a time. Range: integer >= 1. */
  readonly rowsInMemory: number;
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
        runs.push(await file.append(held.takeSorted()));
      }
    }
    if (file === undefined) {
      yield* inBatches<Row>(held);
      return;
    }
    if (held.length > 0) runs.push(await file.append(held.takeSorted()));
    held.free();
    const { handle } = file;
    yield* mergedRuns(runs.map((run, index) => new Cursor<Row>(handle, run, index)));
  } finally {
    await file?.close();
  }
}

function* inBatches<Row>(held: HeldRows): Generator<readonly Row[]> {
  const count = held.length;
  const lines = held.takeSorted();
  let from = 0;
  for (let done = 0; done < count; done += batchRows) {
    const batch: Row[] = [];
    for (let left = Math.min(batchRows, count - done); left > 0; left -= 1) {
      const end = lines.indexOf(newline, from);
      batch.push(rowOf<Row>(lines, from, end));
      from = end + 1;
    }
    yield batch;
  }
}
