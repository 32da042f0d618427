import type { HistoryEntry } from "../operation-row.ts";
import type { SqlQuery, SqlRow } from "../sql-port.ts";
import { byId, entriesOf, iso, json } from "./text.ts";

/** An operation whose history is wanted. */
interface Of {
  readonly id: string;
}

/**
 * What became of each operation, from the entries that are stored and its own row, which says that it was created.
 *
 * @returns a list in JSON for each of them that is in the table of operations.
 */
export async function historiesOf(
  query: SqlQuery,
  schema: string,
  ids: readonly Of[],
): Promise<ReadonlyMap<string, string>> {
  if (ids.length === 0) return new Map();
  const list = [json(ids)];
  const rows = await query(
    `select o.id, o.state, o.providers, ${iso("o.created_at")} as created_at
     from ${byId(`${schema}_operation`)}`,
    list,
  );
  const entries = Map.groupBy(
    await query(
      `select e.operation_id, ${iso("e.at")} as at, cast(e.fence as char) as fence, e.from_state, e.to_state, e.provider,
         e.why, e.evidence, e.actor
       from ${eventsOf(schema)} order by e.operation_id, e.id`,
      list,
    ),
    (entry) => String(entry["operation_id"]),
  );
  return new Map(
    rows.map((row) => {
      const own = (entries.get(String(row["id"])) ?? []).map(entryOf);
      const begun = own[0] === undefined ? (row["state"] as HistoryEntry["to"]) : own[0].from;
      return [String(row["id"]), JSON.stringify(begun === null ? own : [createdAs(begun, row), ...own])];
    }),
  );
}

/** The entries `e` of a list of ids. */
export function eventsOf(schema: string): string {
  return entriesOf(`${schema}_operation_event`, "operation_id", "operation_event_of");
}

function createdAs(state: HistoryEntry["to"], row: SqlRow): HistoryEntry {
  const [provider = ""] = JSON.parse(String(row["providers"])) as readonly string[];
  return {
    at: String(row["created_at"]),
    fence: state === "READY" ? 0 : 1,
    from: null,
    to: state,
    provider,
    why: "created",
    evidence: null,
    by: null,
  };
}

function entryOf(row: SqlRow): HistoryEntry {
  return {
    at: String(row["at"]),
    fence: Number(row["fence"]),
    from: row["from_state"] as HistoryEntry["from"],
    to: row["to_state"] as HistoryEntry["to"],
    provider: String(row["provider"]),
    why: String(row["why"]),
    evidence: textOf(row["evidence"]),
    by: textOf(row["actor"]),
  };
}

function textOf(value: unknown): string | null {
  return value === null || value === undefined ? null : String(value);
}
