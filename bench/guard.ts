import { cpus } from "node:os";
import { createDatabase, databaseForTests } from "@outrigger/lab";
import { guardTransactions, watchPool } from "@outrigger/ledger/guard";
import pg from "pg";
import { median } from "./measure.ts";

/** What the guard and the watch on a pool cost a transaction, in this process's CPU time, against bare pg. */
const atMost = 1.5;
const concurrent = 4;
const transactions = 2_000;

type PutUp = (pool: pg.Pool) => () => void;

const cases: Readonly<Record<string, PutUp>> = {
  "bare pg": () => () => {},
  watchPool: (pool) => {
    const watch = watchPool(pool);
    return () => watch.stop();
  },
  "watchPool, places 0.1": (pool) => {
    const watch = watchPool(pool, { places: 0.1 });
    return () => watch.stop();
  },
  guard: (pool) => {
    const guard = guardTransactions();
    guard.watchPgPool(pool);
    return () => guard.stop();
  },
  "guard and watchPool": (pool) => {
    const guard = guardTransactions();
    guard.watchPgPool(pool);
    const watch = watchPool(pool);
    return () => {
      watch.stop();
      guard.stop();
    };
  },
};

/** All cases in turn, several rounds, medians: whatever else the machine does meets all of them. */
export async function benchGuard(args: readonly string[]): Promise<boolean> {
  const rounds = Number(args[args.indexOf("--rounds") + 1] ?? 7) || 7;
  const server = await databaseForTests();
  const database = await createDatabase(server.url, "bench_guard");
  const pool = new pg.Pool({ connectionString: database.url, max: concurrent });
  const measured = new Map<string, number[]>(Object.keys(cases).map((name) => [name, []]));
  try {
    for (let round = 0; round <= rounds; round += 1) {
      for (const [name, putUp] of Object.entries(cases)) {
        const takeDown = putUp(pool);
        const microseconds = await cpuPerTransaction(pool);
        takeDown();
        // The first round warms up.
        if (round > 0) measured.get(name)?.push(microseconds);
      }
    }
  } finally {
    await pool.end();
    await database.drop();
    await server.stop();
  }
  const medians = new Map([...measured].map(([name, each]) => [name, median(each)]));
  const bare = medians.get("bare pg") ?? Number.NaN;
  const rows = [...medians].map(([name, us]) => ({ name, us, ratio: us / bare }));
  const passed = rows.every(({ ratio }) => ratio <= atMost);
  if (args.includes("--json")) console.log(JSON.stringify({ rows, passed }));
  else {
    console.log(`node ${process.version}, ${cpus()[0]?.model} x${cpus().length}, begin + select 1 + commit`);
    for (const { name, us, ratio } of rows) {
      console.log(
        `${name.padEnd(24)} ${us.toFixed(0).padStart(6)} us of CPU  ${ratio.toFixed(2)} of bare pg`,
      );
    }
    console.log(`${passed ? "ok" : "MISSED"}: each at most ${atMost} of bare pg`);
  }
  return passed;
}

async function cpuPerTransaction(pool: pg.Pool): Promise<number> {
  const before = process.cpuUsage();
  await Promise.all(
    Array.from({ length: concurrent }, async () => {
      for (let each = 0; each < transactions / concurrent; each += 1) {
        const client = await pool.connect();
        await client.query("begin");
        await client.query("select 1");
        await client.query("commit");
        client.release();
      }
    }),
  );
  const { user, system } = process.cpuUsage(before);
  return (user + system) / transactions;
}
