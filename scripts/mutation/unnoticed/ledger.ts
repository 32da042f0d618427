// biome-ignore-all lint/suspicious/noTemplateCurlyInString: they are lines of sources, with what is put into them.
import type { Explanation } from "../unnoticed.ts";

const postgres = "packages/ledger/src/store/postgres";
const sqlite = "packages/ledger/src/store/sqlite";
const mariadb = "packages/ledger/src/store/mariadb";

/** Of the ledger's statements. */
export const ledger: readonly Explanation[] = [
  {
    file: `${postgres}/claim-8.ts`,
    line: "where due_at <= statement_timestamp() and state in (${listed(dueStates)}) and operation || '' = any(operations)",
    was: "state in (${listed(dueStates)})",
    becomes: "true",
    why: "The table's check lets only a row in one of these states have a due_at; it is said for the index of what is open.",
  },
  {
    file: `${sqlite}/statements.ts`,
    line: "where due_at <= ${now} and state in (${listed(openStates)}) and state in (${listed(dueStates)})",
    was: "state in (${listed(openStates)})",
    becomes: "true",
    why: "The due states beside it are among the open ones; it stands there so that SQLite takes the index of what is open.",
  },
  {
    file: `${sqlite}/statements.ts`,
    line: "where due_at <= ${now} and state in (${listed(openStates)}) and state in (${listed(dueStates)})",
    was: "state in (${listed(dueStates)})",
    becomes: "true",
    why: "The table's check lets only a row in one of these states have a due_at.",
  },
  {
    file: `${sqlite}/statements.ts`,
    line: "order by due_at limit $2",
    was: "order by due_at",
    becomes: "",
    why: "SQLite reads what is due from the index of what is open, which is in this order.",
  },
  {
    file: `${sqlite}/statements.ts`,
    line: "select id from ${archive} where hot = 1 and copied_at < ${now} - $1 order by copied_at limit $2)`,",
    was: "order by copied_at",
    becomes: "",
    why: "SQLite reads the copies from the index of those that are hot, which is in this order.",
  },
  {
    file: `${sqlite}/statements.ts`,
    line: "from ${archive} as a, json_each(a.history) as j where a.id = $1 and a.hot = 0 order by j.key`,",
    was: "order by j.key",
    becomes: "",
    why: "json_each takes the elements of a list one after the other; the order is asked for in case that ever changes.",
  },
  {
    file: `${sqlite}/statements.ts`,
    line: "order by updated_at limit $2",
    was: "order by updated_at",
    becomes: "",
    why: "SQLite reads what is older than an instant from the index on updated_at, which is in this order.",
  },
  {
    file: `${mariadb}/claim.ts`,
    line: "where o.due_at <= utc_timestamp(6) and o.state in (${quoted(dueStates)})",
    was: "o.state in (${quoted(dueStates)})",
    becomes: "true",
    why: "The table's check lets only a row in one of these states have a due_at.",
  },
  {
    file: `${mariadb}/claim.ts`,
    line: "order by o.due_at limit $1 for update skip locked`,",
    was: "order by o.due_at",
    becomes: "",
    why: "The statement itself names the index by which the rows are read, and that is in this order.",
  },
  {
    file: `${mariadb}/archive.ts`,
    line: 'where o.fence = m.fence and ${iso("o.updated_at")} = m.updatedAt',
    was: "o.fence = m.fence",
    becomes: "true",
    why: "Whatever raises the fence of a row that has ended, a person's move, changes updated_at too, which is compared beside it.",
  },
  {
    file: `${mariadb}/archive.ts`,
    line: "order by a.copied_at limit $2 for update skip locked`;",
    was: "order by a.copied_at",
    becomes: "",
    why: "What is hot = 1 is read from the index on (hot, copied_at), which is in this order.",
  },
  {
    file: `${mariadb}/archive.ts`,
    line: "for update skip locked`;",
    was: " skip locked",
    becomes: "",
    why: "Whoever waits for the row instead compares it as it is then, and comes to the same; not to wait spares time only.",
  },
  {
    file: `${mariadb}/archive.ts`,
    line: "order by updated_at limit $2 for update skip locked`;",
    was: "order by updated_at",
    becomes: "",
    why: "What is older than an instant is read from the index on updated_at, which is in this order.",
  },
];
