import { setTimeout as sleep } from "node:timers/promises";
import { exitWithParent } from "@outrigger/lab";
import { postgresClient } from "../../crash/databases/postgres.ts";
import { type FromSoakWorker, orderOf, type Round } from "./messages.ts";
import { soakLedger } from "./operations.ts";
import { traitsOf } from "./traits.ts";

// Entry file of one process of the soak; it runs orders, and resolves what it or others left.
exitWithParent();
const { url, provider, seed } = JSON.parse(process.argv[2] ?? "") as {
  readonly url: string;
  readonly provider: string;
  readonly seed: number;
};
const { ledger, operations } = soakLedger(postgresClient(url, 24), provider, seed);
ledger.start();

const say = (message: FromSoakWorker): void => void process.send?.(message, () => {});

/** Calls again with the same key, as the ledger asks for, while the database is away. */
const triesAtMost = 20;

async function order(id: string): Promise<void> {
  const operation = operations.get(traitsOf(id, seed).definition);
  for (let tries = 1; tries <= triesAtMost; tries += 1) {
    try {
      await operation?.run({ id }, { key: id });
      return;
    } catch {
      await sleep(100 * tries);
    }
  }
}

async function play({ round, slot, from, upTo, atOnce }: Round): Promise<void> {
  let next = from;
  const open = new Set<number>();
  const lane = async (): Promise<void> => {
    while (next < upTo) {
      const index = next;
      next += 1;
      open.add(index);
      await order(orderOf(round, slot, index));
      open.delete(index);
      if (index % 10 === 0) say({ is: "at", index: Math.min(next, ...open) });
    }
  };
  await Promise.all(Array.from({ length: atOnce }, lane));
  globalThis.gc?.();
  say({ is: "done", heapBytes: process.memoryUsage().heapUsed });
}

process.on("message", (message: Partial<Round>) => {
  if (message.round !== undefined) void play(message as Round);
});
say({ is: "ready" });
