import { createLedger, fromPgPool, ledgerDefaults } from "@outrigger/ledger";
import { duration } from "../commands/values.ts";
import { exitCodes, Stop } from "../exit.ts";
import type { Session } from "../session.ts";
import type { Source, SourceOptions } from "./source.ts";

/** The longest that a database may take before the command gives up, where --timeout says nothing. */
export const timeoutDefault = "10s";
/** One for a statement, one for what is sent beside it. */
const connectionsAtMost = 2;

/** @throws Stop for a URL that cannot be one; its text is never shown, because it may hold a password. */
export async function fromDatabase(session: Session, given: string, options: SourceOptions): Promise<Source> {
  const { text } = session;
  const url = URL.parse(given);
  if (url === null || url.protocol === "") throw new Stop(exitCodes.usage, text.usage.badUrl);
  const kind = url.protocol.slice(0, -1);
  if (kind !== "postgres" && kind !== "postgresql") throw new Stop(exitCodes.usage, text.usage.badKind(kind));
  const timeout = duration(session, "--timeout", options.timeout ?? timeoutDefault);
  const schema = options.schema ?? ledgerDefaults.schema;
  // Loaded here, so that --help and an app need no driver.
  const { default: pg } = await import("pg");
  const pool = new pg.Pool({
    connectionString: given,
    max: connectionsAtMost,
    connectionTimeoutMillis: timeout.ms,
    application_name: "outrigger",
  });
  // A connection that breaks while it is idle is replaced at the next use.
  pool.on("error", () => {});
  const sql = fromPgPool(pool);
  try {
    return {
      ledger: createLedger({ sql, schema, statementTimeout: timeout.text }),
      where: withoutSecrets(url),
      schema,
      reconciliations: undefined,
      database: { kind: "postgres", query: (statement, values) => sql.query(statement, values) },
      close: () => pool.end(),
    };
  } catch (error) {
    if (error instanceof RangeError && error.message.startsWith("ledger.schema")) {
      throw new Stop(exitCodes.usage, text.usage.badSchema);
    }
    throw error;
  }
}

/** Neither the password nor the parameters, which may hold one too. */
function withoutSecrets(url: URL): string {
  const user = url.username === "" ? "" : `${url.username}@`;
  return `${url.protocol}//${user}${url.host}${url.pathname}`;
}
