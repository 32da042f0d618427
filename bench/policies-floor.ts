// What a careful hand would write for one service and nothing else: a lower bound, not a product. No options, no
// events, no contexts, no reasons, no effects, and outcomes counted without time. It reads the clock once a call,
// for its timeout: by the wheel's own tick alone, a call made after half a second of computing would be given half
// a second less.

interface Entry {
  next: Entry | undefined;
  previous: Entry | undefined;
  slot: number;
  rounds: number;
  expire: () => void;
}

const slots = 512;
const tickMs = 10;
const wheel = new Array<Entry | undefined>(slots).fill(undefined);
let tick = 0;
const startedAtMs = performance.now();

const ticker = setInterval(() => {
  tick += 1;
  let entry = wheel[tick % slots];
  while (entry !== undefined) {
    const { next } = entry;
    if (entry.rounds > 0) entry.rounds -= 1;
    else {
      disarm(entry);
      entry.expire();
    }
    entry = next;
  }
}, tickMs);
ticker.unref();

function arm(delayMs: number, expire: () => void): Entry {
  const ticks = Math.ceil((performance.now() - startedAtMs + delayMs) / tickMs) - tick + 1;
  const slot = (tick + ticks) % slots;
  const head = wheel[slot];
  const entry: Entry = { next: head, previous: undefined, slot, rounds: Math.floor(ticks / slots), expire };
  if (head !== undefined) head.previous = entry;
  wheel[slot] = entry;
  return entry;
}

function disarm(entry: Entry): void {
  if (entry.slot < 0) return;
  if (entry.previous === undefined) wheel[entry.slot] = entry.next;
  else entry.previous.next = entry.next;
  if (entry.next !== undefined) entry.next.previous = entry.previous;
  entry.slot = -1;
}

/** The outcomes of the last 128 calls. */
class Ring {
  readonly #outcomes = new Uint8Array(128);
  #next = 0;
  #failures = 0;
  #calls = 0;
  open = false;

  record(failed: 0 | 1): void {
    this.#failures += failed - (this.#outcomes[this.#next] ?? 0);
    this.#outcomes[this.#next] = failed;
    this.#next = (this.#next + 1) & 127;
    this.#calls += 1;
    if (this.#calls >= 20 && this.#failures > 64) this.open = true;
  }
}

/** Retry, breaker, bulkhead and timeout in one function. */
export function fusedFloor<I, O>(call: (input: I) => Promise<O>): (input: I) => Promise<O> {
  const ring = new Ring();
  let inUse = 0;
  const attempt = (
    input: I,
    number: number,
    resolve: (value: O) => void,
    reject: (error: unknown) => void,
  ): void => {
    if (ring.open || inUse >= 1_000) {
      reject(new Error("rejected"));
      return;
    }
    inUse += 1;
    let done = false;
    const failed = (error: unknown): void => {
      if (done) return;
      done = true;
      disarm(entry);
      inUse -= 1;
      ring.record(1);
      if (number > 2) reject(error);
      else setTimeout(() => attempt(input, number + 1, resolve, reject), 200 * Math.random());
    };
    const entry = arm(1_000, () => failed(new Error("timeout")));
    call(input).then((value) => {
      if (done) return;
      done = true;
      disarm(entry);
      inUse -= 1;
      ring.record(0);
      resolve(value);
    }, failed);
  };
  return (input) => new Promise((resolve, reject) => attempt(input, 1, resolve, reject));
}

/** A time window of ten buckets that is told the time. */
export class WindowFloor {
  readonly #calls = new Float64Array(10);
  readonly #failures = new Float64Array(10);
  #bucket = 0;
  #total = 0;

  record(failed: boolean, nowMs: number): void {
    const bucket = Math.floor(nowMs / 1_000);
    if (bucket !== this.#bucket) {
      const at = bucket % 10;
      this.#total -= this.#calls[at] ?? 0;
      this.#calls[at] = 0;
      this.#failures[at] = 0;
      this.#bucket = bucket;
    }
    const at = bucket % 10;
    this.#calls[at] = (this.#calls[at] ?? 0) + 1;
    this.#total += 1;
    if (failed) this.#failures[at] = (this.#failures[at] ?? 0) + 1;
  }

  get total(): number {
    return this.#total;
  }
}
