import { safe } from "../terminal/safe-text.ts";
import { bad, type DatabaseChecks, type Finding, ok, textOf, versionFinding } from "./finding.ts";

/** The first with `returning`. Source: SQLite release history. */
const oldest = "3.35";

/** What can be wrong with a file; how safely it is written is the port's own matter. */
export async function sqliteChecks({ text, query }: DatabaseChecks): Promise<readonly Finding[]> {
  const { durability, reachable } = text.doctor.checks;
  const [row] = await query("select sqlite_version() as version");
  // Reads the whole file, but not each index against its table.
  const damage = (await query("select quick_check from pragma_quick_check")).map((each) =>
    textOf(each, "quick_check"),
  );
  return [
    ok("reachable", reachable.ok("SQLite")),
    versionFinding(text, "SQLite", textOf(row, "version"), [oldest, undefined]),
    damage[0] === "ok"
      ? ok("durability", durability.ok)
      : bad("durability", durability.broken(safe(damage[0] ?? "")), durability.brokenFix),
  ];
}
