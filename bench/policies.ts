import { spawnSync } from "node:child_process";
import { cpus } from "node:os";
import { median } from "./measure.ts";
import { cases } from "./policies-cases.ts";

/** A claim: one case against another, or against a fixed number. */
interface Bound {
  readonly claim: string;
  readonly case: string;
  readonly against?: string;
  readonly atMost?: number;
  readonly atLeast?: number;
}

const bounds: readonly Bound[] = [
  ...["sequential", "100 concurrent"].flatMap((how) => [
    {
      claim: `all four, ${how}: of the fused floor`,
      case: `outrigger, ${how}`,
      against: `floor, ${how}`,
      atMost: 2,
    },
    {
      claim: `all four, ${how}: cockatiel takes`,
      case: `cockatiel, ${how}`,
      against: `outrigger, ${how}`,
      atLeast: 20,
    },
    {
      claim: `all four, ${how}: opossum takes for its three`,
      case: `opossum, ${how}`,
      against: `outrigger, ${how}`,
      atLeast: 2,
    },
  ]),
  {
    claim: "open circuit, thrown: of cockatiel",
    case: "outrigger, open circuit",
    against: "cockatiel, open circuit",
    atMost: 0.3,
  },
  {
    claim: "open circuit, as a result: of cockatiel",
    case: "outrigger, open circuit, result",
    against: "cockatiel, open circuit",
    atMost: 0.05,
  },
  {
    claim: "full limit, thrown: of cockatiel",
    case: "outrigger, full limit",
    against: "cockatiel, full bulkhead",
    atMost: 0.3,
  },
  {
    claim: "full limit, as a result: of cockatiel",
    case: "outrigger, full limit, result",
    against: "cockatiel, full bulkhead",
    atMost: 0.05,
  },
  ...["100,000", "100,000 of 10,000 lengths"].map((many) => ({
    claim: `a call's timeout among ${many}: of Node's`,
    case: `outrigger, timeout among ${many}`,
    against: `node, timer among ${many}`,
    atMost: 0.4,
  })),
  { claim: "timers of the machine for 100,000", case: "outrigger, timers of the machine", atMost: 1 },
  {
    claim: "a breaker's bookkeeping at 1,000,000 calls a second: of 1,000",
    case: "outrigger, window at 1,000,000 a second",
    against: "outrigger, window at 1,000 a second",
    atMost: 1.2,
  },
  { claim: "longest stall of 1,000 calls, ms", case: "outrigger, longest stall", atMost: 5 },
  { claim: "an idle keyed circuit, bytes", case: "outrigger, idle circuit", atMost: 700 },
  {
    claim: "an idle keyed circuit that looks for slow calls, bytes",
    case: "outrigger, idle circuit with slow calls",
    atMost: 700,
  },
  { claim: "bytes per call: of the floor", case: "outrigger, bytes", against: "floor, bytes", atMost: 1.3 },
];

/** Each case in a fresh process, the cases in turn, several rounds, medians. */
export async function benchPolicies(args: readonly string[]): Promise<boolean> {
  const json = args.includes("--json");
  const rounds = Number(args[args.indexOf("--rounds") + 1] ?? 5) || 5;
  const only = args.includes("--only") ? args[args.indexOf("--only") + 1] : undefined;
  const names = Object.keys(cases).filter((name) => only === undefined || new RegExp(only).test(name));
  const measured = new Map<string, number[]>(names.map((name) => [name, []]));
  for (let round = 1; round <= rounds; round += 1) {
    for (const name of names) {
      if (!json) process.stderr.write(`\rround ${round} of ${rounds}: ${name.padEnd(54)}`);
      measured.get(name)?.push(runCase(name));
    }
  }
  const medians = new Map([...measured].map(([name, values]) => [name, median(values)]));
  const judged = bounds.flatMap((bound) => judge(bound, medians));
  const machine = {
    cpu: cpus()[0]?.model,
    cores: cpus().length,
    node: process.version,
    rounds,
    commit: commit(),
  };
  if (json) {
    console.log(
      JSON.stringify({ machine, medians: Object.fromEntries(medians), bounds: judged }, undefined, 2),
    );
  } else print(machine, medians, judged);
  return judged.every(({ kept }) => kept);
}

function runCase(name: string): number {
  const { stdout, stderr, status } = spawnSync(
    process.execPath,
    [
      "--conditions=@outrigger/source",
      "--expose-gc",
      // Only where allocation is measured, as it changes what the collector costs.
      ...(name.endsWith("bytes") ? ["--max-semi-space-size=512", "--min-semi-space-size=512"] : []),
      new URL("policies-cases.ts", import.meta.url).pathname,
      name,
    ],
    { encoding: "utf8" },
  );
  if (status !== 0) throw new Error(`${name} failed:\n${stderr}`);
  return (JSON.parse(stdout) as { readonly value: number }).value;
}

interface Judged extends Bound {
  readonly measured: number;
  readonly kept: boolean;
}

function judge(bound: Bound, medians: ReadonlyMap<string, number>): Judged[] {
  const value = medians.get(bound.case);
  const against = bound.against === undefined ? 1 : medians.get(bound.against);
  if (value === undefined || against === undefined) return [];
  const measured = value / against;
  const { atMost = Number.POSITIVE_INFINITY, atLeast = Number.NEGATIVE_INFINITY } = bound;
  return [{ ...bound, measured, kept: measured <= atMost && measured >= atLeast }];
}

function print(
  machine: Readonly<Record<string, unknown>>,
  medians: ReadonlyMap<string, number>,
  judged: readonly Judged[],
): void {
  process.stderr.write(`\r${" ".repeat(80)}\r`);
  console.log(
    Object.entries(machine)
      .map(([key, value]) => `${key} ${value}`)
      .join(", "),
  );
  console.log("\nMedians: CPU nanoseconds per operation, unless the name says bytes, timers or stall (ms).");
  for (const [name, value] of medians)
    console.log(`  ${name.padEnd(52)} ${value.toFixed(value < 10 ? 2 : 0).padStart(9)}`);
  console.log("\nBounds");
  for (const { claim, measured, atMost, atLeast, kept } of judged) {
    const bound = atMost === undefined ? `at least ${atLeast}` : `at most ${atMost}`;
    console.log(
      `  ${kept ? "ok    " : "MISSED"} ${claim.padEnd(58)} ${measured.toFixed(3).padStart(9)}  (${bound})`,
    );
  }
}

function commit(): string {
  return spawnSync("git", ["rev-parse", "--short", "HEAD"], { encoding: "utf8" }).stdout.trim();
}
