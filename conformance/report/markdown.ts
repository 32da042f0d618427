import type { Library } from "../libraries/library.ts";
import type { Matrix } from "../run/matrix.ts";
import type { Verdict } from "../run/verdict.ts";
import type { Trap } from "../script/format.ts";

const words = { pass: "pass", fail: "**fail**", none: "–" } as const;

/** The page, the same for the same results: no times, no machine. */
export function markdown(traps: readonly Trap[], libraries: readonly Library[], matrix: Matrix): string {
  const names = libraries.map(({ name }) => name);
  const verdict = (trap: Trap, name: string): Verdict =>
    matrix[trap.id]?.[name] ?? { status: "none", seen: ["not run"], notes: [] };
  const count = (name: string, status: Verdict["status"]): number =>
    traps.filter((trap) => verdict(trap, name).status === status).length;
  const rows = traps.map((trap) => [
    `[${trap.id}](#${trap.id.toLowerCase()})`,
    trap.title,
    ...names.map((name) => words[verdict(trap, name).status]),
  ]);
  const total = (label: string, status: Verdict["status"]): string[] => [
    "",
    label,
    ...names.map((name) => String(count(name, status))),
  ];
  return [
    "# Conformance",
    "",
    "<!-- Written by `npm run conformance`. Do not edit. -->",
    "",
    `${traps.length} traps that resilience libraries fall into, each a script that is played against real packages:`,
    `${libraries.map(({ name, version }) => `${name} ${version}`).join(", ")}.`,
    "A cell is what was seen, in a process of its own, on virtual time, with the documented options that come",
    "nearest to what the script asks for. `–` means that the library has no such policy, so there is nothing to get",
    "wrong and nothing to use either.",
    "",
    ...table(
      ["", "trap", ...names],
      [...rows, total("passed", "pass"), total("failed", "fail"), total("no such policy", "none")],
    ),
    "",
    "## The options that come nearest",
    "",
    ...names.flatMap((name) => optionsOf(name, traps, matrix)),
    "",
    "## What was seen",
    "",
    ...traps.flatMap((trap) => [
      `### ${trap.id}`,
      "",
      `**${trap.title}.** ${trap.meaning}`,
      "",
      ...names.map((name) => `- ${name}: ${line(verdict(trap, name))}`),
      "",
    ]),
    "## How it is run",
    "",
    "`npm run conformance` plays all of it and writes this page; `--check` only compares it, `--json` prints the",
    "verdicts. The scripts are in `conformance/traps`, the adapters in `conformance/libraries`. A library that reads",
    "the process's clock gets a replaced one; Outrigger is handed its clock.",
    "",
  ].join("\n");
}

/** What was chosen for a library, told once instead of in every cell. */
function optionsOf(name: string, traps: readonly Trap[], matrix: Matrix): string[] {
  const notes = [...new Set(traps.flatMap(({ id }) => matrix[id]?.[name]?.notes ?? []))].sort();
  return notes.map(
    (note) => `- ${name}, ${escaped(nameOf(note))}: ${escaped(note.slice(nameOf(note).length + 2))}`,
  );
}

function line({ status, seen, notes }: Verdict): string {
  const what = seen.length === 0 ? "" : `: ${seen.map(escaped).join("; ")}`;
  const how = notes.length === 0 ? "" : ` (with ${notes.map(nameOf).map(escaped).join(", ")})`;
  return `${status === "none" ? "no such policy" : words[status]}${what}${how}`;
}

/** A note is `name: what it is for`; `abortOnReturn: false: …` keeps its value. */
function nameOf(note: string): string {
  return note.slice(0, note.lastIndexOf(": "));
}

/** Nothing that a library wrote may become markup. */
function escaped(text: string): string {
  return text.replaceAll(/[<>|*_`[\]]/g, (mark) => `\\${mark}`).replaceAll("\n", " ");
}

function table(head: readonly string[], rows: readonly (readonly string[])[]): string[] {
  const widths = head.map((_, column) =>
    Math.max(3, ...[head, ...rows].map((row) => row[column]?.length ?? 0)),
  );
  const written = (row: readonly string[]): string =>
    `| ${row.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join(" | ")} |`;
  return [written(head), written(widths.map((width) => "-".repeat(width))), ...rows.map(written)];
}
