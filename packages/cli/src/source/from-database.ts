import { existsSync } from "node:fs";
import {
  createLedger,
  fromMysql2Pool,
  fromPgPool,
  fromSqlite,
  ledgerDefaults,
  type SqlPort,
} from "@outrigger/ledger";
import { duration, type ReadDuration } from "../commands/values.ts";
import { exitCodes, Stop } from "../exit.ts";
import type { Session } from "../session.ts";
import { safe } from "../terminal/safe-text.ts";
import type { DatabaseKind, Source, SourceOptions } from "./source.ts";

/** The longest that a database may take before the command gives up, where --timeout says nothing. */
export const timeoutDefault = "10s";
/** One for a statement, one for what is sent beside it. */
const connectionsAtMost = 2;

/** @throws Stop for what names no database; its text is never shown, because it may hold a password. */
export async function fromDatabase(session: Session, given: string, options: SourceOptions): Promise<Source> {
  const timeout = duration(session, "--timeout", options.timeout ?? timeoutDefault);
  const schema = options.schema ?? ledgerDefaults.schema;
  const { kind, where, open } = wayTo(session, given, timeout);
  const { ledger, query, close } = await open(schema);
  return { ledger, where, schema, reconciliations: undefined, database: { kind, query }, close };
}

interface Way {
  readonly kind: DatabaseKind;
  readonly where: string;
  open(schema: string): Promise<Pick<Source, "ledger" | "close"> & Pick<SqlPort<never>, "query">>;
}

/** Endings by which a file is taken for a database. */
const sqliteFile = /\.(db|sqlite|sqlite3)$/i;

function wayTo(session: Session, given: string, timeout: ReadDuration): Way {
  const { usage, failure } = session.text;
  const scheme = /^([a-z][a-z0-9+.-]+):/i.exec(given)?.[1]?.toLowerCase();
  const make = <Tx>(sql: SqlPort<Tx>, schema: string, close: () => Promise<unknown>) => {
    try {
      const ledger = createLedger({ sql, schema, statementTimeout: timeout.text });
      return { ledger, query: sql.query, close: async () => void (await close()) };
    } catch (error) {
      void close();
      if (!(error instanceof RangeError) || !error.message.startsWith("ledger.schema")) throw error;
      throw new Stop(exitCodes.usage, usage.badSchema);
    }
  };
  if (scheme === "postgres" || scheme === "postgresql") {
    return {
      kind: "postgres",
      where: withoutSecrets(session, given),
      async open(schema) {
        // Drivers are loaded where they are needed: --help and an app need none.
        const { default: pg } = await import("pg");
        const pool = new pg.Pool({
          connectionString: given,
          max: connectionsAtMost,
          connectionTimeoutMillis: timeout.ms,
          application_name: "outrigger",
        });
        // A connection that breaks while it is idle is replaced at the next use.
        pool.on("error", () => {});
        return make(fromPgPool(pool), schema, () => pool.end());
      },
    };
  }
  if (scheme === "mariadb" || scheme === "mysql") {
    return {
      kind: "mariadb",
      where: withoutSecrets(session, given),
      async open(schema) {
        const mysql = await import("mysql2/promise").catch(() => {
          throw new Stop(exitCodes.usage, usage.driverMissing("mysql2"));
        });
        const pool = mysql.createPool({
          uri: given.replace(/^[^:]+/, "mysql"),
          connectionLimit: connectionsAtMost,
          connectTimeout: timeout.ms,
        });
        return make(fromMysql2Pool(pool), schema, () => pool.end());
      },
    };
  }
  if (scheme === "sqlite" || sqliteFile.test(given)) {
    const file = given.replace(/^sqlite:(\/\/)?/i, "");
    return {
      kind: "sqlite",
      where: safe(file),
      async open(schema) {
        // Opening one would make it.
        if (!existsSync(file)) throw new Stop(exitCodes.unreachable, failure.noFile(safe(file)));
        const sql = fromSqlite(file);
        return make(sql, schema, async () => sql.close());
      },
    };
  }
  throw new Stop(exitCodes.usage, scheme === undefined ? usage.badUrl : usage.badKind(safe(scheme)));
}

/** Neither the password nor the parameters, which may hold one too. */
function withoutSecrets({ text }: Session, given: string): string {
  const url = URL.parse(given);
  if (url === null) throw new Stop(exitCodes.usage, text.usage.badUrl);
  const user = url.username === "" ? "" : `${url.username}@`;
  return `${url.protocol}//${user}${url.host}${url.pathname}`;
}
