import type { Library } from "../libraries/library.ts";
import type { Matrix } from "../run/matrix.ts";
import type { Trap } from "../script/format.ts";

const words = { pass: "pass", fail: "FAIL", none: "-" } as const;

/** The table for people at a terminal, with what went wrong in our own column below it. */
export function terminal(traps: readonly Trap[], libraries: readonly Library[], matrix: Matrix): string {
  const names = libraries.map(({ name }) => name);
  const lines = traps.map((trap) => {
    const cells = names.map((name) => words[matrix[trap.id]?.[name]?.status ?? "none"].padEnd(10));
    return `${trap.id.padEnd(4)}${trap.title.padEnd(52)}${cells.join("")}`;
  });
  const total = (label: string, status: "pass" | "fail" | "none"): string => {
    const counts = names.map(
      (name) => traps.filter(({ id }) => matrix[id]?.[name]?.status === status).length,
    );
    return `${label.padStart(54)}  ${counts.map((count) => String(count).padEnd(10)).join("")}`;
  };
  return [
    `${"".padEnd(56)}${libraries.map(({ name }) => name.padEnd(10)).join("")}`,
    `${"".padEnd(56)}${libraries.map(({ version }) => version.padEnd(10)).join("")}`,
    ...lines,
    total("passed", "pass"),
    total("failed", "fail"),
    total("no such policy", "none"),
  ].join("\n");
}
