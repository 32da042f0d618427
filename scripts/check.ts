// What `npm test` runs, cheapest first: types, style, unused code, packages as npm would ship them, tests.
import { spawnSync } from "node:child_process";

interface Step {
  readonly name: string;
  readonly command: readonly string[];
  /** Shows what the command prints also when it succeeds. */
  readonly loud?: boolean;
}

const published = ["core", "http", "ledger", "lab", "console", "cli"];
const steps: readonly Step[] = [
  { name: "types", command: ["tsc", "-p", "."] },
  { name: "types of the console page", command: ["tsc", "-p", "packages/console"] },
  { name: "style", command: ["biome", "check", "--error-on-warnings", "."] },
  { name: "unused code and dependencies", command: ["knip", "--no-progress"] },
  { name: "build", command: ["node", "scripts/build.ts"] },
  ...published.map((name) => ({
    name: `package ${name}`,
    command: ["publint", "--strict", "--pack", "npm", `packages/${name}`],
  })),
  ...published.map((name) => ({
    name: `types of package ${name}`,
    command: ["attw", "--profile", "esm-only", "--pack", `packages/${name}`],
  })),
  { name: "tests", command: ["vitest", "run", ...process.argv.slice(2)], loud: true },
];

for (const { name, command, loud = false } of steps) {
  const startedAtMs = performance.now();
  process.stdout.write(`${name} ...${loud ? "\n" : " "}`);
  const [file = "", ...args] = command;
  const { status, stdout, stderr, error } = spawnSync(file, args, {
    stdio: loud ? "inherit" : "pipe",
    encoding: "utf8",
  });
  const seconds = ((performance.now() - startedAtMs) / 1_000).toFixed(1);
  if (status !== 0) {
    process.stdout.write(`${loud ? name : ""} failed after ${seconds} s: ${command.join(" ")}\n`);
    if (!loud) process.stdout.write(`${stdout ?? ""}${stderr ?? ""}${error?.message ?? ""}\n`);
    process.exit(1);
  }
  process.stdout.write(`${loud ? name : ""} ok (${seconds} s)\n`);
}
