import { type OperationState, openStates, settledStates } from "../../state/transitions.ts";
import type { StatementFunction, Statements } from "../dialect.ts";
import { archiveCopy, archiveDrop, archiveForget, archiveRestore } from "./archive.ts";
import { claim, giveBack, renew } from "./claim.ts";
import { compared, stored } from "./columns.ts";
import { historiesOf } from "./history.ts";
import { insert } from "./insert.ts";
import { intervene, move, note } from "./move.ts";
import { byId, json, msAgo, msSince, numbered, quoted } from "./text.ts";

/** The statements for MariaDB and MySQL. Only the validated prefix of the tables' names is written into them. */
export function statements(schema: string): Statements {
  const operation = `${schema}_operation`;
  const archive = `${schema}_operation_archive`;
  // Collations that compare byte by byte leave out spaces at the end.
  const of = `o.operation = $1 and char_length(o.operation) = char_length($1) and o.\`key\` = $2`;
  const pageOf = (columns: string): string => `
    (select ${columns} from ${operation} as o where $1 is null or o.id > $1 order by o.id limit $2)
    union all
    (select ${columns} from ${archive} as o where o.hot = 0 and ($1 is null or o.id > $1) order by o.id limit $2)
    order by id limit $2`;
  return {
    insert: { statement: insert(schema), calls: (records) => [[records]] },
    move: { statement: move(schema), calls: (records) => [[records]] },
    intervene: intervene(schema),
    note: note(schema),
    renew: renew(schema),
    claim: claim(schema),
    giveBack: giveBack(schema),
    findById: `select ${stored} from ${operation} as o where o.id = lower($1)`,
    findByKey: `select ${stored} from ${operation} as o where ${of}`,
    // A locking read sees what was committed last, also under REPEATABLE READ.
    findTaken: `select ${stored} from ${operation} as o where ${of} lock in share mode`,
    findArchivedById: `select ${stored} from ${archive} as o where o.id = lower($1)`,
    findArchivedByKey: `select ${stored} from ${archive} as o where ${of}`,
    history: history(schema),
    page: pageOf(stored),
    compared: pageOf(compared),
    list: list(schema),
    version: `select cast(max(version) as char) as version from ${schema}_migration`,
    open: `
      select o.state, cast(count(*) as char) as count,
        max(${msSince("coalesce(o.cancelling_since, o.unknown_since, o.sent_at, o.created_at)")}) as oldest_ms
      from ${operation} as o where o.state in (${quoted(openStates)}) group by o.state`,
    settled: `
      select ended.state, cast(count(*) as char) as count from (
        select state from ${operation} where state in (${quoted(settledStates)})
        union all select state from ${archive} where hot = 0
      ) as ended group by ended.state`,
    // There is nothing to wake others with: they poll.
    notify: undefined,
    archiveCopy: archiveCopy(schema),
    archiveDrop: archiveDrop(schema),
    archiveRestore: archiveRestore(schema),
    archiveForget: archiveForget(schema),
  };
}

function history(schema: string): StatementFunction {
  const archived = `select o.id, o.history from ${byId(`${schema}_operation_archive`)}
    where o.hot = 0`;
  return async (query, [ids]) => {
    const wanted = (ids as readonly string[]).map((id) => ({ id }));
    if (wanted.length === 0) return [];
    const found = await historiesOf(query, schema, wanted);
    // Read last: what was moved meanwhile has its history here.
    const moved = await query(archived, [json(wanted)]);
    const own = [...found].map(([id, of]) => ({ id, history: of }));
    return [...own.filter(({ id }) => !moved.some((row) => row["id"] === id)), ...moved];
  };
}

function list(schema: string): StatementFunction {
  const part = (from: string, states: readonly OperationState[], statesFrom: number): readonly string[] =>
    states.length === 0
      ? []
      : [
          `(select ${stored} from ${schema}_${from} o.state in (${numbered(states.length, statesFrom)})
            and ($1 is null or o.id > $1)
            and ($3 is null or (o.operation = $3 and char_length(o.operation) = char_length($3)))
            and ($4 is null or o.created_at < ${msAgo("$4")})
            order by o.id limit $2)`,
        ];
  return async (query, [after, limit, states, operation, olderThanMs]) => {
    const asked = states as readonly OperationState[];
    const open = asked.filter((state) => openStates.some((each) => each === state));
    const ended = asked.filter((state) => settledStates.some((each) => each === state));
    const parts = [
      ...part("operation as o force index (operation_state) where", open, 5),
      ...part("operation as o where", ended, 5 + open.length),
      ...part("operation_archive as o where o.hot = 0 and", ended, 5 + open.length),
    ];
    if (parts.length === 0) return [];
    const values = [after, limit, operation, olderThanMs, ...open, ...ended];
    return await query(`${parts.join(" union all ")} order by id limit $2`, values);
  };
}
