import { faults, lasts, type Result } from "./matrix.ts";
import { type Kind, kinds } from "./run.ts";
import type { Connection } from "./world.ts";

/**
 * The table of the documentation: what one strike of each fault costs, and what a lasting one is called. Faults that
 * end alike share a row.
 */
export function tableOf(results: readonly Result[]): string {
  const shown = results.filter(
    ({ fault, strike, secure }) => secure !== true && strike.applies === (fault.acts !== "never"),
  );
  const rows = new Map<string, string[]>();
  for (const fault of faults) {
    const mine = shown.filter((result) => result.fault === fault);
    const ends = fault.on.map((connection) => ({ connection, cells: cellsOf(mine, connection) }));
    const alike = new Set(ends.map(({ cells }) => cells)).size === 1;
    for (const { connection, cells } of alike ? ends.slice(0, 1) : ends) {
      const row = `${alike && ends.length === 2 ? "any" : connection} | ${cells}`;
      rows.set(row, [...(rows.get(row) ?? []), fault.name]);
    }
  }
  return [
    "| The service … | connection | if it lasts | read | natural | keyed | unkeyed |",
    "|---|---|---|---|---|---|---|",
    ...[...rows].map(([row, names]) => `| ${names.join(";<br>")} | ${row} |`),
  ].join("\n");
}

function cellsOf(results: readonly Result[], connection: Connection): string {
  const here = results.filter((result) => result.connection === connection);
  const once = (Object.keys(kinds) as Kind[]).map((kind) =>
    cell(here.find((result) => result.kind === kind && !lasts(result))),
  );
  const lasting = here.find((result) => result.kind === "unkeyed" && lasts(result))?.outcome;
  const code = lasting?.code?.replace(/^HTTP_\d+$/, "HTTP_<status>");
  const called = code === undefined ? "no failure" : `\`${code}\`, \`${lasting?.effect}\``;
  return [called, ...once].join(" | ");
}

function cell(result: Result | undefined): string {
  if (result === undefined) return "";
  const { code, effect, sent, applied, attempts } = result.outcome;
  const ending = code === undefined ? "answered" : `fails, \`${effect}\``;
  // A resend within an attempt; one of a request that was never written is seen by nobody.
  const resent = sent > attempts ? " (resent at once)" : "";
  return `${ending}: sent ${sent}${resent}${result.kind === "read" ? "" : `, applied ${applied}`}`;
}
