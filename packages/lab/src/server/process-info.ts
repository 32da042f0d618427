import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";

export interface ProcessInfo {
  readonly parentPid: number;
  /** The command with its arguments, separated by spaces. */
  readonly command: string;
}

/** What runs under this process id now; nothing when the process is gone, or dead and not yet reaped. */
export function processInfo(pid: number): ProcessInfo | undefined {
  try {
    return process.platform === "linux" ? fromProc(pid) : fromPs(pid);
  } catch {
    return undefined;
  }
}

function fromProc(pid: number): ProcessInfo | undefined {
  const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
  // The name stands in brackets and may hold spaces and brackets itself.
  const [state, parentPid] = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  if (state === "Z" || state === "X") return undefined;
  const command = readFileSync(`/proc/${pid}/cmdline`, "utf8").replaceAll("\0", " ").trim();
  return { parentPid: Number(parentPid), command };
}

function fromPs(pid: number): ProcessInfo | undefined {
  const line = execFileSync("ps", ["-o", "ppid=,stat=,command=", "-p", String(pid)], { encoding: "utf8" });
  const [, parentPid, state, command] = /^\s*(\d+)\s+(\S+)\s+(.*)/.exec(line) ?? [];
  if (command === undefined || state?.startsWith("Z")) return undefined;
  return { parentPid: Number(parentPid), command };
}
