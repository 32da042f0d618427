import type { SqlRow } from "../../store/sql-port.ts";

/** A statement as Kysely sends it, by the shape of its `CompiledQuery`. */
interface KyselyQuery {
  readonly sql: string;
  readonly parameters: readonly unknown[];
  readonly query: {
    readonly kind: "RawNode";
    readonly sqlFragments: readonly string[];
    readonly parameters: readonly never[];
  };
  readonly queryId: { readonly queryId: string };
}

/** What sends statements: Kysely itself, or one of its transactions. */
export interface KyselyExecutor {
  withoutPlugins(): {
    executeQuery(query: KyselyQuery): Promise<{ readonly rows: unknown[] }>;
  };
}

/** Without plugins, because they may give columns other names. */
export async function sendThroughKysely(
  kysely: KyselyExecutor,
  text: string,
  values: readonly unknown[],
): Promise<readonly SqlRow[]> {
  const result = await kysely.withoutPlugins().executeQuery({
    sql: text,
    parameters: [...values],
    query: { kind: "RawNode", sqlFragments: [text], parameters: [] },
    queryId: { queryId: "outrigger" },
  });
  return result.rows as readonly SqlRow[];
}
