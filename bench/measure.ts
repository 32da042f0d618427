/** CPU time of this process so far, all threads and the garbage collector included. */
function cpuMs(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1_000;
}

/** How long a case runs before it is measured: short warm-ups flatter the wrong side. */
const warmUpMs = 1_000;
const measuredMs = 500;

/**
 * CPU nanoseconds for one operation.
 *
 * @param batch - Does the given number of operations.
 * @param ms - CPU time to measure over.
 */
export async function cpuPerOperation(
  batch: (operations: number) => Promise<void> | void,
  ms: number = measuredMs,
): Promise<number> {
  await spend(batch, warmUpMs);
  return await spend(batch, ms);
}

async function spend(batch: (operations: number) => Promise<void> | void, ms: number): Promise<number> {
  const size = 2_000;
  const startMs = cpuMs();
  for (let operations = size; ; operations += size) {
    await batch(size);
    // A turn of the event loop, as in a server: timers are looked at, promises do not pile up.
    await new Promise((resolve) => setImmediate(resolve));
    const spentMs = cpuMs() - startMs;
    if (spentMs >= ms) return (spentMs * 1e6) / operations;
  }
}

/** Bytes allocated by one operation. Needs `--expose-gc` and a young generation that holds them all. */
export async function bytesPerOperation(batch: (operations: number) => Promise<void>): Promise<number> {
  const operations = 40_000;
  await spend(batch, warmUpMs);
  const measured: number[] = [];
  for (let round = 0; round < 5; round += 1) {
    collect();
    const before = process.memoryUsage().heapUsed;
    await batch(operations);
    measured.push((process.memoryUsage().heapUsed - before) / operations);
  }
  return median(measured);
}

/** Bytes of heap that each of many things keeps, once all work around it has ended. */
export async function bytesKept(count: number, make: (index: number) => Promise<void>): Promise<number> {
  const settled = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));
  for (let index = 0; index < 1_000; index += 1) await make(0);
  await settled();
  collect();
  const before = process.memoryUsage().heapUsed;
  for (let index = 1; index <= count; index += 1) await make(index);
  await settled();
  collect();
  return (process.memoryUsage().heapUsed - before) / count;
}

function collect(): void {
  const { gc } = globalThis;
  if (gc === undefined) throw new Error("run with --expose-gc");
  gc();
  gc();
}

export function median(numbers: readonly number[]): number {
  const sorted = numbers.toSorted((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)] ?? Number.NaN;
}
