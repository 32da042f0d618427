import { seededRandom, VirtualClock } from "@outrigger/lab";
import { expect, test } from "vitest";
import { decorrelated, execute, exponential, Failure, fixed, type RetryOptions, retry } from "../index.ts";

/**
 * Fifty clients that begin together, each to read one row and write it back unless somebody else has meanwhile;
 * every hop takes |Normal(10, 2)| ms. As in https://github.com/aws-samples/aws-arch-backoff-simulator
 */
async function contention(options: RetryOptions, clients: number, seed: number): Promise<[number, number]> {
  const clock = new VirtualClock();
  const random = seededRandom(seed);
  const hop = (): Promise<void> => {
    const normal = Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random());
    return new Promise((resolve) => void clock.setTimer(Math.abs(10 + 2 * normal), resolve));
  };
  let version = 0;
  let writes = 0;
  const call = async (): Promise<string> => {
    await hop();
    const seen = version;
    await hop();
    await hop();
    writes += 1;
    const written = seen === version;
    if (written) version += 1;
    await hop();
    if (!written) throw new Failure("somebody else was faster", { code: "STALE", effect: "none" });
    return "written";
  };
  const policy = retry({ ...options, maxRetries: 1_000, random });
  let lastMs = 0;
  let done = 0;
  for (let client = 0; client < clients; client += 1) {
    void execute(policy(call), "", { clock }).then(() => {
      done += 1;
      lastMs = clock.now();
    });
  }
  await clock.advance(600_000);
  expect([done, clock.pending]).toEqual([clients, 0]);
  return [writes, lastMs];
}

// Expected: forty runs of the published simulator. The first wait there is twice its base of 5 ms.
const published = {
  none: { options: { backoff: fixed("0ms"), jitter: "none" }, writes: 692.5, ms: 1_142 },
  exponential: {
    options: { backoff: exponential("10ms", { max: "2s" }), jitter: "none" },
    writes: 621.7,
    ms: 35_768,
  },
  equal: {
    options: { backoff: exponential("10ms", { max: "2s" }), jitter: "equal" },
    writes: 347.1,
    ms: 4_275,
  },
  full: {
    options: { backoff: exponential("10ms", { max: "2s" }), jitter: "full" },
    writes: 334.5,
    ms: 2_919,
  },
  decorrelated: { options: { backoff: decorrelated("5ms", { max: "2s" }) }, writes: 373.0, ms: 2_262 },
} as const satisfies Record<string, { options: RetryOptions; writes: number; ms: number }>;

test.each(Object.entries(published))(
  "fifty clients in contention, %s: as many writes as AWS published",
  async (_, { options, writes, ms }) => {
    const runs = 40;
    let [allWrites, allMs] = [0, 0];
    for (let seed = 1; seed <= runs; seed += 1) {
      const [made, tookMs] = await contention(options, 50, seed);
      allWrites += made;
      allMs += tookMs;
    }
    // Fixed seeds, so this holds always or never.
    expect(Math.abs(allWrites / runs / writes - 1), `${allWrites / runs} writes`).toBeLessThan(0.03);
    expect(Math.abs(allMs / runs / ms - 1), `${allMs / runs} ms`).toBeLessThan(0.1);
  },
);
