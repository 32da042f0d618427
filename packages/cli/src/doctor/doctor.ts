import { type ExitCode, exitCodes } from "../exit.ts";
import type { Session } from "../session.ts";
import type { DatabaseKind, Source } from "../source/source.ts";
import { safeJson } from "../terminal/safe-text.ts";
import { padded, widthOf } from "../terminal/width.ts";
import type { Text } from "../text/en.ts";
import { bad, type DatabaseChecks, type Finding, ok } from "./finding.ts";
import { ledgerChecks } from "./ledger-checks.ts";
import { mariadbChecks } from "./mariadb-checks.ts";
import { serverChecks, tableChecks } from "./postgres-checks.ts";
import { sqliteChecks } from "./sqlite-checks.ts";

export interface DoctorOptions {
  readonly moveAfterMs: number;
  readonly json: boolean;
}

export async function doctor(session: Session, source: Source, options: DoctorOptions): Promise<ExitCode> {
  const findings = await look(session.text, source, options);
  const sick = findings.some(({ level }) => level === "bad");
  if (options.json) {
    const { where, schema } = source;
    await session.terminal.out(safeJson({ ok: !sick, database: where, schema, findings }));
  } else for (const line of linesOf(session, findings)) await session.terminal.out(line);
  return sick ? exitCodes.problem : exitCodes.done;
}

interface ChecksOf {
  readonly server: (checks: DatabaseChecks) => Promise<readonly Finding[]>;
  readonly tables: (checks: DatabaseChecks) => Promise<readonly Finding[]>;
}

const checksOf: Readonly<Record<DatabaseKind, ChecksOf>> = {
  postgres: { server: serverChecks, tables: tableChecks },
  mariadb: { server: mariadbChecks, tables: async () => [] },
  sqlite: { server: sqliteChecks, tables: async () => [] },
};

async function look(text: Text, source: Source, { moveAfterMs }: DoctorOptions): Promise<readonly Finding[]> {
  const { ledger, database, schema } = source;
  if (database === undefined) return [];
  const checks: DatabaseChecks = { text, query: database.query, schema, moveAfterMs };
  const { server: ofServer, tables } = checksOf[database.kind];
  const server = await ofServer(checks);
  const version = versionCheck(text, await ledger.version());
  // Without its tables there is nothing more to look at, and of other ones too much could be wrong.
  if (version.level === "bad") return [...server, version];
  return [...server, version, ...(await ledgerChecks(text, ledger)), ...(await tables(checks))];
}

function versionCheck(
  text: Text,
  { applied, expected }: Awaited<ReturnType<Source["ledger"]["version"]>>,
): Finding {
  const { tables } = text.doctor.checks;
  const [at, wants] = [String(applied), String(expected)];
  if (applied === expected) return ok("tables", tables.ok(at));
  if (applied === 0) return bad("tables", tables.missing, tables.fix);
  return applied < expected
    ? bad("tables", tables.older(at, wants), tables.fix)
    : bad("tables", tables.newer(at, wants), tables.newerFix);
}

function linesOf({ terminal, text }: Session, findings: readonly Finding[]): readonly string[] {
  const { levels, checks, fix, healthy, sick } = text.doctor;
  const { style } = terminal;
  const paints = { ok: style.good, warn: style.warn, bad: style.bad };
  const names: Readonly<Record<string, { readonly name: string }>> = { ...checks, leases: checks.workers };
  const nameOf = (check: string): string => names[check]?.name ?? check;
  const width = Math.max(...Object.values(levels).map(widthOf));
  const nameWidth = Math.max(...findings.map(({ check }) => widthOf(nameOf(check))));
  const indent = " ".repeat(width + nameWidth + 4);
  const count = (level: string): number => findings.filter((each) => each.level === level).length;
  const [bads, warnings] = [count("bad"), count("warn")];
  return [
    ...findings.flatMap((finding) => [
      `${paints[finding.level](padded(levels[finding.level], width))}  ${padded(nameOf(finding.check), nameWidth)}  ${finding.says}`,
      ...(finding.fix === null ? [] : [`${indent}${style.dim(`${fix}: ${finding.fix}`)}`]),
    ]),
    "",
    bads + warnings === 0 ? style.good(healthy) : sick(bads, warnings),
  ];
}
