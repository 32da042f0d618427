import { type SqlQuery, settledStates } from "@outrigger/ledger";
import { span } from "../commands/when.ts";
import { safe } from "../terminal/safe-text.ts";
import type { Text } from "../text/en.ts";
import { bad, type DatabaseChecks, type Finding, ok, orOk, textOf, versionFinding, warn } from "./finding.ts";

/** Majors that the ledger's own tests run on. */
const tested = ["15", "18"] as const;

/** Of the server itself; it needs no tables. */
export async function serverChecks({ text, query }: DatabaseChecks): Promise<readonly Finding[]> {
  const [row] = await query(
    "select current_setting('server_version') as version, current_database() as database, current_user as who",
  );
  return [
    ok(
      "reachable",
      text.doctor.checks.reachable.ok(safe(`${textOf(row, "database")}, ${textOf(row, "who")}`)),
    ),
    versionFinding(text, "PostgreSQL", textOf(row, "version"), tested),
    ...(await durabilityChecks(text, query)),
  ];
}

/** Off, any of them lets a commit be lost that the ledger was told of. Source: PostgreSQL manual, 20.5. */
const durable = ["fsync", "full_page_writes", "synchronous_commit"];

async function durabilityChecks(text: Text, query: SqlQuery): Promise<readonly Finding[]> {
  const { durability } = text.doctor.checks;
  const settings = await query(
    `select name, setting from pg_settings
     where name in ('fsync', 'full_page_writes', 'synchronous_commit', 'default_transaction_read_only')`,
  );
  const settingOf = (name: string): string =>
    textOf(
      settings.find((each) => each["name"] === name),
      "setting",
    );
  // This session is not the app's: what is set for a user or a database counts there.
  const own = await query(
    `select coalesce('user ' || quote_ident(r.rolname), '') ||
       coalesce(' database ' || quote_ident(d.datname), '') as place, setting
     from pg_db_role_setting as s left join pg_roles as r on r.oid = s.setrole
       left join pg_database as d on d.oid = s.setdatabase, unnest(s.setconfig) as setting
     where (d.datname is null or d.datname = current_database())
       and setting in ('synchronous_commit=off', 'fsync=off', 'full_page_writes=off')`,
  );
  const [server] = await query(
    `select case when pg_is_in_recovery() then 'yes' else 'no' end as replica,
       (select count(*) from pg_stat_replication where sync_state = 'async')::text as standbys,
       current_setting('synchronous_standby_names') as names`,
  );
  const standbys = textOf(server, "standbys");
  const findings = [
    ...durable
      .filter((name) => settingOf(name) === "off")
      .map((name) =>
        bad("durability", durability.setting(`${name} = off`), durability.settingFix(`${name} = on`)),
      ),
    ...own.map((row) => {
      const setting = textOf(row, "setting");
      const place = safe(textOf(row, "place").trim());
      const says = `${durability.role(place, setting)}; ${durability.setting(setting)}`;
      return bad("durability", says, durability.settingFix(`${setting.split("=")[0]} = on`));
    }),
    ...(textOf(server, "replica") === "yes"
      ? [bad("durability", durability.replica, durability.replicaFix)]
      : []),
    ...(settingOf("default_transaction_read_only") === "on"
      ? [bad("durability", durability.readOnly, durability.readOnlyFix)]
      : []),
    ...(standbys !== "0" && textOf(server, "names") === ""
      ? [warn("durability", durability.async(standbys), durability.asyncFix)]
      : []),
  ];
  return orOk(findings, ok("durability", durability.ok));
}

/** Of the ledger's tables, which must be there. */
export async function tableChecks(checks: DatabaseChecks): Promise<readonly Finding[]> {
  return [
    ...(await shapeChecks(checks)),
    ...(await retentionChecks(checks)),
    ...(await statisticsChecks(checks)),
    ...(await transactionChecks(checks)),
  ];
}

async function shapeChecks({ text, query, schema }: DatabaseChecks): Promise<readonly Finding[]> {
  const { tables } = text.doctor.checks;
  const names = async (statement: string): Promise<string> =>
    (await query(statement, [schema])).map((row) => textOf(row, "name")).join(", ");
  const unlogged = await names(
    `select relname as name from pg_class where relnamespace = $1::regnamespace and relkind = 'r' and relpersistence <> 'p'`,
  );
  const invalid = await names(
    `select c.relname as name from pg_index as i join pg_class as c on c.oid = i.indexrelid
     where c.relnamespace = $1::regnamespace and not (i.indisvalid and i.indisready)`,
  );
  return [
    ...(unlogged === "" ? [] : [bad("tables", tables.unlogged(safe(unlogged)), tables.unloggedFix)]),
    ...(invalid === "" ? [] : [bad("tables", tables.invalid(safe(invalid)), tables.invalidFix)]),
  ];
}

/** How much later than it should a pass of the retention may come. */
const retentionGraceMs = 86_400_000;
/** Copies wait for ten times the longest transaction of a ledger, which is at most an hour and a bit. */
const copiesGraceMs = 43_200_000;

async function retentionChecks({
  text,
  query,
  schema,
  moveAfterMs,
}: DatabaseChecks): Promise<readonly Finding[]> {
  const { retention } = text.doctor.checks;
  const settled = settledStates.map((state) => `'${state}'`).join(", ");
  // Ids follow the clock, so the first settled row by id is about the oldest, and is found by the primary key.
  const [hot] = await query(
    `select (extract(epoch from now() - updated_at) * 1000)::float8 as ms from ${schema}.operation
     where state in (${settled}) order by id limit 1`,
  );
  const [copy] = await query(
    `select (extract(epoch from now() - min(copied_at)) * 1000)::float8 as ms from ${schema}.operation_archive where hot`,
  );
  const hotMs = Number(hot?.["ms"] ?? 0);
  const copyMs = Number(copy?.["ms"] ?? 0);
  const findings = [
    ...(hotMs > moveAfterMs + retentionGraceMs
      ? [warn("retention", retention.behind(span(text, hotMs)), retention.fix)]
      : []),
    ...(copyMs > copiesGraceMs
      ? [warn("retention", retention.copies(span(text, copyMs)), retention.fix)]
      : []),
  ];
  return orOk(findings, ok("retention", retention.ok));
}

/** Fewer rows are read quickly in any way. */
const manyRows = 10_000;

async function statisticsChecks({ text, query, schema }: DatabaseChecks): Promise<readonly Finding[]> {
  const { statistics } = text.doctor.checks;
  const [row] = await query(
    `select c.reltuples::float8 as estimated, coalesce(s.n_live_tup, 0)::float8 as live,
       coalesce(s.n_dead_tup, 0)::float8 as dead, pg_size_pretty(pg_total_relation_size(c.oid)) as size,
       case when greatest(s.last_analyze, s.last_autoanalyze) is null then 'never' else 'analyzed' end as analyzed
     from pg_class as c left join pg_stat_all_tables as s on s.relid = c.oid
     where c.oid = $1::regclass`,
    [`${schema}.operation`],
  );
  const [live, dead] = [Number(row?.["live"]), Number(row?.["dead"])];
  const rows = Math.max(live, Number(row?.["estimated"]), 0);
  const count = (value: number): string => value.toLocaleString("en");
  const findings = [
    ...(dead > manyRows && dead > live
      ? [warn("statistics", statistics.dead(count(dead), count(live)), statistics.deadFix)]
      : []),
    ...(rows > manyRows && textOf(row, "analyzed") === "never"
      ? [
          warn(
            "statistics",
            statistics.unanalyzed(count(rows)),
            statistics.unanalyzedFix(`${schema}.operation`),
          ),
        ]
      : []),
  ];
  return orOk(findings, ok("statistics", statistics.ok(count(rows), textOf(row, "size"))));
}

const longTransactionMs = 3_600_000;
const idleTransactionMs = 60_000;

async function transactionChecks({ text, query }: DatabaseChecks): Promise<readonly Finding[]> {
  const { transactions } = text.doctor.checks;
  const [row] = await query(
    `select max(extract(epoch from now() - xact_start) * 1000)::float8 as open,
       max(extract(epoch from now() - state_change) * 1000) filter (where state like 'idle in transaction%')::float8 as idle
     from pg_stat_activity where datname = current_database() and backend_type = 'client backend'`,
  );
  const [openMs, idleMs] = [Number(row?.["open"] ?? 0), Number(row?.["idle"] ?? 0)];
  const findings = [
    ...(openMs > longTransactionMs
      ? [warn("transactions", transactions.long(span(text, openMs)), transactions.fix)]
      : []),
    ...(idleMs > idleTransactionMs
      ? [warn("transactions", transactions.idle(span(text, idleMs)), transactions.fix)]
      : []),
  ];
  return orOk(findings, ok("transactions", transactions.ok));
}
