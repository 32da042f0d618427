// `npm run sabotage`: breaks a copy of the product in one place at a time and expects a test to notice.
// With words after it, only the sabotages whose name has one of them. Exit code 1 when one went unnoticed.
import { spawnSync } from "node:child_process";
import { readFileSync, rmSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { copyOfTree } from "../tree/copy-of-tree.ts";
import { type Sabotage, sabotages } from "./sabotages.ts";

const words = process.argv.slice(2);
const chosen = sabotages.filter(
  ({ name }) => words.length === 0 || words.some((word) => name.includes(word)),
);
const copy = copyOfTree(resolve("."), "sabotage");
const greenTests = new Set<string>();
let unnoticed = 0;
try {
  for (const [index, sabotage] of chosen.entries()) {
    const startedAtMs = performance.now();
    process.stdout.write(`${index + 1}/${chosen.length} ${sabotage.name} ... `);
    requireGreen(copy, sabotage.tests);
    const noticed = noticedIn(copy, sabotage);
    if (!noticed) unnoticed += 1;
    const seconds = ((performance.now() - startedAtMs) / 1_000).toFixed(0);
    process.stdout.write(`${noticed ? "noticed" : "NOT NOTICED"} (${seconds} s)\n`);
  }
} finally {
  rmSync(copy, { recursive: true, force: true });
}
process.stdout.write(`${chosen.length - unnoticed} of ${chosen.length} noticed\n`);
process.exitCode = unnoticed === 0 && chosen.length > 0 ? 0 : 1;

function noticedIn(tree: string, { file, from, to, tests, name }: Sabotage): boolean {
  const path = join(tree, file);
  const whole = readFileSync(path, "utf8");
  if (whole.split(from).length !== 2) throw new Error(`"${name}": its text must stand once in ${file}`);
  writeFileSync(
    path,
    whole.replace(from, () => to),
  );
  try {
    return !passes(tree, tests).green;
  } finally {
    writeFileSync(path, whole);
  }
}

/** Tests that are red already would notice everything. */
function requireGreen(tree: string, tests: readonly string[]): void {
  const name = tests.join(" ");
  if (greenTests.has(name)) return;
  const { green, output } = passes(tree, tests);
  if (!green) throw new Error(`without any sabotage, these tests fail: ${name}\n${output}`);
  greenTests.add(name);
}

function passes(tree: string, tests: readonly string[]): { green: boolean; output: string } {
  const args = ["run", "--bail", "1", "--reporter", "dot", ...tests];
  const { status, stdout, stderr } = spawnSync(join(tree, "node_modules/.bin/vitest"), args, {
    cwd: tree,
    encoding: "utf8",
  });
  return { green: status === 0, output: `${stdout}${stderr}` };
}
