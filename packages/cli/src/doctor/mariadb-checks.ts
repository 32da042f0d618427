import { safe } from "../terminal/safe-text.ts";
import { bad, type DatabaseChecks, type Finding, ok, orOk, textOf, versionFinding } from "./finding.ts";

/** The first ones with SKIP LOCKED. Source: MariaDB and MySQL release notes. */
const oldest = { MariaDB: "10.6", MySQL: "8.0.1" } as const;

/** What has to be so for a commit to survive a crash. Source: MariaDB manual, InnoDB system variables. */
const durable: Readonly<Record<string, string>> = {
  innodb_flush_log_at_trx_commit: "1",
  innodb_doublewrite: "ON",
};

export async function mariadbChecks({ text, query, schema }: DatabaseChecks): Promise<readonly Finding[]> {
  const { durability, reachable } = text.doctor.checks;
  const [row] = await query("select version() as version, database() as name, current_user() as who");
  const version = textOf(row, "version");
  const product = version.includes("MariaDB") ? "MariaDB" : "MySQL";
  const settings = await query(
    `show global variables where variable_name in (${[
      ...Object.keys(durable),
      "read_only",
      "log_bin",
      "sync_binlog",
    ]
      .map((name) => `'${name}'`)
      .join(", ")})`,
  );
  const set = new Map(
    settings.map((each) => [
      textOf(each, "Variable_name").toLowerCase(),
      textOf(each, "Value").toUpperCase(),
    ]),
  );
  // With a binary log a crash is recovered from it too.
  const wanted = { ...durable, ...(set.get("log_bin") === "ON" && { sync_binlog: "1" }) };
  const engines = await query(
    `select table_name as name from information_schema.tables
     where table_schema = database() and table_name like $1 and engine <> 'InnoDB'`,
    [`${schema.replaceAll("_", "\\_")}\\_%`],
  );
  const names = engines.map((each) => textOf(each, "name")).join(", ");
  const findings = [
    ...Object.entries(wanted)
      .filter(([name, value]) => (set.get(name) ?? value) !== value)
      .map(([name, value]) =>
        bad(
          "durability",
          durability.setting(`${name} = ${set.get(name)}`),
          durability.settingFix(`${name} = ${value}`),
        ),
      ),
    ...(set.get("read_only") === "ON" ? [bad("durability", durability.replica, durability.replicaFix)] : []),
    ...(names === "" ? [] : [bad("durability", durability.engine(safe(names)), durability.engineFix)]),
  ];
  return [
    ok("reachable", reachable.ok(safe(`${textOf(row, "name")}, ${textOf(row, "who")}`))),
    versionFinding(text, product, version, [oldest[product], undefined]),
    ...orOk(findings, ok("durability", durability.ok)),
  ];
}
