import { expect, test } from "vitest";
import { soak } from "./soak.ts";

const seed = Number(process.env["SEED"] ?? 20_260_101);

test(`3000 calls among random faults and aborts leave nothing behind and do nothing twice (seed ${seed})`, async () => {
  const report = await soak({ requests: 3_000, seed, width: 48 });

  // A run as short as this does not tell growth from warm-up.
  const judged = report.bounds.filter(({ name }) => !name.includes("heap"));
  expect(judged.filter(({ holds }) => !holds)).toEqual([]);
  expect(judged).toHaveLength(12);
  expect(report.ended["ok"]).toBeGreaterThan(1_000);
  expect(report.pool.staleResends).toBeGreaterThan(10);
  expect(report.events).toMatchObject({
    connectionOpened: report.pool.opened,
    connectionClosed: report.pool.closed,
    retryScheduled: expect.any(Number) as number,
  });
});
