import type { StatementFunction } from "../dialect.ts";
import type { NewOperation } from "../operation-row.ts";
import { newIds } from "./ids.ts";
import { byId, inMs, json, listed, now } from "./text.ts";

/** Waits for a transaction that is inserting the same key. */
export function insert(schema: string): StatementFunction {
  const operation = `${schema}_operation`;
  const fresh = listed("$1", {
    ...{ id: "id", operation: "key", key: "key", fingerprint: "word", state: "word", dueInMs: "ms" },
    ...{ provider: "word", providers: "text", request: "text", keyWindowMs: "ms", sent: "number" },
  });
  const text = `
    insert into ${operation} (id, operation, \`key\`, fingerprint, state, fence, due_at, provider, providers, attempt,
      request, sent_at, key_expires_at, created_at, updated_at)
    select m.id, m.operation, m.\`key\`, m.fingerprint, m.state, m.sent, ${inMs("m.dueInMs")}, m.provider,
      m.providers, m.sent, m.request, case when m.sent = 1 then ${now} end, ${inMs("m.keyWindowMs")}, ${now}, ${now}
    from ${fresh}
    where not exists (
      select 1 from ${schema}_operation_archive as a where a.operation = m.operation and a.\`key\` = m.\`key\`
    )
    on duplicate key update id = ${operation}.id`;
  const inserted = `select o.id, o.operation, o.\`key\` from ${byId(operation)}`;
  return async (query, [records]) => {
    const batch = records as readonly NewOperation[];
    const ids = await newIds(query, batch.length);
    const rows = batch.map(({ providers, ...each }, index) => ({
      ...each,
      id: ids[index],
      provider: providers[0],
      providers: JSON.stringify(providers),
      sent: each.state === "SENDING" ? 1 : 0,
    }));
    await query(text, [json(rows)]);
    // A row that was there before keeps its own id.
    return await query(inserted, [json(ids.map((id) => ({ id })))]);
  };
}
