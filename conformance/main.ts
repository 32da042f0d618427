// npm run conformance [-- --check] [-- --json] [-- T1 T15]: the traps against every library, in one table.
import { readFileSync, writeFileSync } from "node:fs";
import { markdown } from "./report/markdown.ts";
import { terminal } from "./report/terminal.ts";
import { libraryNames, loadLibrary } from "./run/libraries.ts";
import { playMatrix } from "./run/matrix.ts";
import { traps } from "./traps/index.ts";

const page = new URL("../docs/conformance.md", import.meta.url);
const args = process.argv.slice(2);
const [check, json] = [args.includes("--check"), args.includes("--json")];
const asked = args.filter((each) => !each.startsWith("--"));
for (const each of args) {
  const known = each === "--check" || each === "--json" || traps.some(({ id }) => id === each);
  if (!known) throw new RangeError(`${each} is not known; write --check, --json, or traps: T1 … T35`);
}

const chosen = asked.length === 0 ? traps : traps.filter(({ id }) => asked.includes(id));
const libraries = await Promise.all(libraryNames.map(loadLibrary));
const matrix = await playMatrix(chosen, (done, all) => {
  if (process.stderr.isTTY) process.stderr.write(`\r${done} of ${all} `);
});
if (process.stderr.isTTY) process.stderr.write("\r");

if (json) {
  const versions = Object.fromEntries(libraries.map(({ name, version }) => [name, version]));
  console.log(JSON.stringify({ versions, matrix }, undefined, 2));
} else console.log(terminal(chosen, libraries, matrix));

const ours = chosen.filter(({ id }) => matrix[id]?.["Outrigger"]?.status !== "pass");
for (const { id, title } of ours) {
  console.error(`Outrigger, ${id} ${title}: ${matrix[id]?.["Outrigger"]?.seen.join("; ")}`);
}
const stale = asked.length === 0 && isStale(markdown(traps, libraries, matrix));
process.exitCode = ours.length > 0 || (check && stale) ? 1 : 0;

/** Compares the page with what was seen, and writes it unless only asked to compare. */
function isStale(text: string): boolean {
  let before: string | undefined;
  try {
    before = readFileSync(page, "utf8");
  } catch {
    before = undefined;
  }
  if (before === text) return false;
  if (check) console.error("docs/conformance.md does not show this: run npm run conformance");
  else writeFileSync(page, text);
  return true;
}
