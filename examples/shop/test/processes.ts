import { readdirSync, readFileSync } from "node:fs";

interface ProcessLine {
  readonly pid: number;
  readonly parent: number;
  /** Start time in clock ticks: a process id alone may be given again. */
  readonly startedAt: string;
}

/** Every process below this one, at any depth. Reads /proc, so Linux only. */
export function descendants(pid: number): ProcessLine[] {
  const all = readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name))
    .flatMap((name) => readProcess(Number(name)) ?? []);
  const below = (parent: number): ProcessLine[] =>
    all.filter((each) => each.parent === parent).flatMap((each) => [each, ...below(each.pid)]);
  return below(pid);
}

export function isAlive({ pid, startedAt }: ProcessLine): boolean {
  return readProcess(pid)?.startedAt === startedAt;
}

function readProcess(pid: number): ProcessLine | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
    // The name in parentheses may contain anything, so the fields are counted after its end.
    const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
    if (fields[0] === "Z") return undefined;
    return { pid, parent: Number(fields[1]), startedAt: fields[19] ?? "" };
  } catch {
    return undefined;
  }
}
