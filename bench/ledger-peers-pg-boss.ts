import { PgBoss } from "pg-boss";
import type { Side } from "./ledger-cases.ts";

/** As many as the ledger has. */
const connections = 16;
/** Loops that fetch, a hundred at a time, as its own documentation has it for many jobs. */
const loops = 4;
const batchSize = 100;

/**
 * A job that is sent, fetched, and completed. It has no business rows either, and nothing polls: the loops sleep until a
 * job was sent in this process.
 */
export async function pgBoss(url: string): Promise<Side> {
  const boss = new PgBoss({ connectionString: url, max: connections, supervise: false, schedule: false });
  boss.on("error", () => {});
  await boss.start();
  await boss.createQueue("pay");
  const done = new Map<string, () => void>();
  let wake: (() => void)[] = [];
  let over = false;
  const loop = async (): Promise<void> => {
    while (!over) {
      const jobs = await boss.fetch<{ readonly id: string }>("pay", { batchSize });
      if (jobs.length === 0) {
        if (!over) await new Promise<void>((resolve) => wake.push(resolve));
        continue;
      }
      await boss.complete(
        "pay",
        jobs.map(({ id }) => id),
      );
      for (const { data } of jobs) done.get(data.id)?.();
    }
  };
  const running = Array.from({ length: loops }, loop);
  const wakeAll = (): void => {
    const sleeping = wake;
    wake = [];
    for (const each of sleeping) each();
  };
  let made = 0;
  return {
    name: "pg-boss",
    async one() {
      made += 1;
      const id = String(made);
      const ended = new Promise<void>((resolve) => done.set(id, resolve));
      await boss.send("pay", { id });
      wakeAll();
      await ended;
      done.delete(id);
    },
    async close() {
      over = true;
      wakeAll();
      await Promise.all(running);
      await boss.stop({ graceful: false });
    },
  };
}
