// Builds every package into its dist/, as npm would ship it.
import { spawnSync } from "node:child_process";
import { readdirSync, rmSync } from "node:fs";

const packages = readdirSync("packages");
for (const name of packages) rmSync(`packages/${name}/dist`, { recursive: true, force: true });
rmSync("node_modules/.cache/tsbuild", { recursive: true, force: true });
run("tsc", ["-b", ...packages.map((name) => `packages/${name}/tsconfig.build.json`)]);
run("node", ["packages/console/build.ts"]);

function run(file: string, args: readonly string[]): void {
  const { status } = spawnSync(file, args, { stdio: "inherit" });
  if (status !== 0) process.exit(status ?? 1);
}
