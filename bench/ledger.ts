import { cpus } from "node:os";
import { createDatabase, startPostgres } from "@outrigger/lab";
import { reconcilePart } from "./ledger-reconcile.ts";
import { recoveryPart } from "./ledger-recovery.ts";
import { sqlitePart } from "./ledger-sqlite.ts";
import type { Judged, Measured, Part } from "./ledger-turns.ts";
import { collapsePart, functionsPart, wholePart } from "./ledger-whole.ts";
import { median } from "./measure.ts";

const parts: readonly Part[] = [
  wholePart,
  functionsPart,
  sqlitePart,
  recoveryPart,
  collapsePart,
  reconcilePart,
];

/**
 * `npm run bench -- ledger [--json] [--rounds 5] [--history 1000000] [--only <pattern>]`
 *
 * A PostgreSQL of its own with fsync on, and a database of its own for each side. `--only` runs the parts whose name the
 * pattern matches: whole, functions, sqlite, recovery, collapse, reconcile.
 */
export async function benchLedger(args: readonly string[]): Promise<boolean> {
  const json = args.includes("--json");
  const rounds = numberOf(args, "--rounds", 5);
  const history = numberOf(args, "--history", 1_000_000);
  const pattern = new RegExp(textOf(args, "--only") ?? "");
  const wanted = parts.filter(({ name }) => pattern.test(name));
  if (wanted.length === 0) throw new RangeError(`--only: no part has a name like ${pattern}`);
  const say = (text: string): void => {
    if (process.stderr.isTTY && !json) process.stderr.write(`\r${text.padEnd(78)}`);
  };
  const server = await startPostgres({ fsync: true });
  try {
    const fresh = async (): Promise<string> => (await createDatabase(server.url, "bench")).url;
    const measured = new Map<string, readonly number[]>();
    const judged: Judged[] = [];
    for (const part of wanted) {
      const result = await part.run({ fresh, rounds, history, say });
      for (const [name, values] of result.measured ?? []) measured.set(name, values);
      judged.push(...result.judged);
    }
    say("");
    print({ json, rounds, history, measured, judged });
    return judged.every(({ kept }) => kept);
  } finally {
    await server.stop();
  }
}

function textOf(args: readonly string[], name: string): string | undefined {
  return args.includes(name) ? args[args.indexOf(name) + 1] : undefined;
}

function numberOf(args: readonly string[], name: string, otherwise: number): number {
  const value = Number(textOf(args, name) ?? otherwise);
  if (!Number.isSafeInteger(value) || value < 1) throw new RangeError(`${name} must be an integer from 1 on`);
  return value;
}

interface Report {
  readonly json: boolean;
  readonly rounds: number;
  readonly history: number;
  readonly measured: Measured;
  readonly judged: readonly Judged[];
}

function print({ json, rounds, history, measured, judged }: Report): void {
  const [cpu] = cpus();
  const machine = { node: process.version, cpu: cpu?.model ?? "", cores: cpus().length };
  const medians = [...measured].map(([name, values]) => ({ name, perSecond: Math.round(median(values)) }));
  if (json) {
    console.log(JSON.stringify({ machine, rounds, history, perSecond: medians, bounds: judged }));
    return;
  }
  console.log(`Node ${machine.node}, ${machine.cores} x ${machine.cpu}, ${rounds} rounds, fsync on`);
  if (medians.length > 0) console.log("\nwhole operations, callers".padEnd(42), "per second");
  for (const { name, perSecond: value } of medians) console.log(name.padEnd(41), String(value).padStart(10));
  console.log();
  for (const { claim, value, bound, kept } of judged) {
    const text = value === undefined ? "not measured" : value.toFixed(2);
    console.log(`${kept ? "   " : "NO "} ${claim}: ${text} (${bound})`);
  }
}
