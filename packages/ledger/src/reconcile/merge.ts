import type { CheckedRemote, LocalRow } from "./rows.ts";

/** What both sides have under one key. */
export interface Pair {
  readonly key: string;
  /** One for each of the provider's ids. */
  readonly remote: readonly CheckedRemote[];
  readonly local: LocalRow | undefined;
}

type Batches<Row> = AsyncIterable<readonly Row[]>;

/**
 * Puts two streams that are sorted by key side by side. Holds one batch of each, and the rows of one key.
 *
 * A row that a list shows twice, because it moved from one page to the next, is one: the later reading counts.
 *
 * @throws RangeError when a stream is not sorted, or a local key comes twice.
 */
export async function* mergeByKey(
  remote: Batches<CheckedRemote>,
  local: Batches<LocalRow>,
): AsyncGenerator<readonly Pair[]> {
  const theirs = new Sorted("remote", remote);
  const ours = new Sorted("local", local);
  try {
    let pairs: Pair[] = [];
    for (;;) {
      // A batch is waited for only when it is used up: a wait for each row would cost more than the row.
      if (theirs.isUsedUp) await theirs.refill();
      if (ours.isUsedUp) await ours.refill();
      const key = smaller(theirs.row?.key, ours.row?.key);
      if (key === undefined) break;
      let mine: LocalRow | undefined;
      if (ours.row?.key === key) {
        mine = ours.row;
        ours.next();
        if (ours.isUsedUp) await ours.refill();
        if (ours.row?.key === key)
          throw new RangeError(`local rows: the key ${JSON.stringify(key)} comes twice`);
      }
      const found: CheckedRemote[] = [];
      while (theirs.row?.key === key) {
        add(found, theirs.row);
        theirs.next();
        if (theirs.isUsedUp) await theirs.refill();
      }
      pairs.push({ key, remote: found, local: mine });
      if (pairs.length < pairsAtMost) continue;
      yield pairs;
      pairs = [];
    }
    if (pairs.length > 0) yield pairs;
  } finally {
    await Promise.all([theirs.end(), ours.end()]);
  }
}

/** Few, for the same reason as the rows in a batch of the sort. */
const pairsAtMost = 200;

function add(rows: CheckedRemote[], row: CheckedRemote): void {
  const same = rows.findIndex(({ id }) => id === row.id);
  if (same === -1) rows.push(row);
  else rows[same] = row;
}

function smaller(a: string | undefined, b: string | undefined): string | undefined {
  if (a === undefined || b === undefined) return a ?? b;
  return a < b ? a : b;
}

/** A sorted stream, one batch at a time. */
class Sorted<Row extends { readonly key: string }> {
  readonly #name: string;
  readonly #batches: AsyncIterator<readonly Row[]>;
  #batch: readonly Row[] = [];
  #index = 0;
  #over = false;
  #last = "";
  row: Row | undefined;

  constructor(name: string, batches: Batches<Row>) {
    this.#name = name;
    this.#batches = batches[Symbol.asyncIterator]();
  }

  get isUsedUp(): boolean {
    return this.row === undefined && !this.#over;
  }

  next(): void {
    this.row = this.#batch[this.#index];
    this.#index += 1;
    if (this.row === undefined) return;
    if (this.row.key < this.#last) {
      throw new RangeError(
        `${this.#name} rows are not sorted: ${JSON.stringify(this.row.key)} comes after ${JSON.stringify(this.#last)}`,
      );
    }
    this.#last = this.row.key;
  }

  async refill(): Promise<void> {
    while (this.isUsedUp) {
      const { done, value } = await this.#batches.next();
      if (done === true) {
        this.#over = true;
        return;
      }
      this.#batch = value;
      this.#index = 0;
      this.next();
    }
  }

  async end(): Promise<void> {
    this.#over = true;
    await this.#batches.return?.();
  }
}
