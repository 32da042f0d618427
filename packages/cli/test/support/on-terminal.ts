import { spawn } from "node:child_process";
import { once } from "node:events";
import { cleanEnv, type Ended, nodeArgs } from "./spawn-cli.ts";

export interface TerminalOptions {
  readonly env: Readonly<Record<string, string>>;
  readonly columns?: number;
  /** What is typed once this has been seen. */
  readonly answers?: readonly (readonly [seen: string, typed: string])[];
}

/** Runs the command on a terminal of its own, as `script` of util-linux makes one; both its streams are the screen. */
export async function onTerminal(
  args: readonly string[],
  { env, columns = 80, answers = [] }: TerminalOptions,
): Promise<Pick<Ended, "code"> & { readonly screen: string }> {
  const command = [process.execPath, ...nodeArgs, ...args].map((arg) => `'${arg}'`).join(" ");
  const child = spawn("script", ["-qec", `stty cols ${columns}; ${command}`, "/dev/null"], {
    env: cleanEnv({ TERM: "xterm-256color", SHELL: "/bin/sh", ...env }),
    stdio: ["pipe", "pipe", "inherit"],
  });
  let screen = "";
  const waiting = [...answers];
  child.stdout.setEncoding("utf8").on("data", (text: string) => {
    screen += text;
    const [seen, typed] = waiting[0] ?? [];
    if (seen === undefined || !screen.includes(seen)) return;
    waiting.shift();
    child.stdin.write(typed ?? "");
  });
  const [code] = (await once(child, "close")) as [number | null];
  return { code, screen: screen.replaceAll("\r\n", "\n") };
}
