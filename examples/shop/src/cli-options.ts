import { parseArgs } from "node:util";
import { durationMs, integerIn, oneOf, show } from "@outrigger/core";
import { type DatabaseKind, databaseKinds } from "./database/shop-database.ts";
import type { WantedDatabase } from "./database/start-database.ts";
import { type Language, languages } from "./messages.ts";

export interface CliOptions {
  readonly help: boolean;
  /** Absent: serve until Ctrl-C. */
  readonly storm?: { readonly durationMs: number; readonly seed: number; readonly out: string | undefined };
  readonly database: WantedDatabase;
  /** Orders per second and lane. */
  readonly perSecond: number;
  /** The shop's port; the console takes the next one. 0 lets the system pick both. */
  readonly port: number;
  /** Whether the port was asked for: then another one will not do. */
  readonly portGiven: boolean;
  /** The result on stdout as JSON; everything for people goes to stderr. */
  readonly json: boolean;
  readonly language: Language;
}

/**
 * Reads the command line.
 *
 * @throws TypeError or RangeError that names the option and the fix.
 */
export function readCliOptions(args: readonly string[], env: NodeJS.ProcessEnv): CliOptions {
  const { values } = parseArgs({
    args: [...args],
    options: {
      help: { type: "boolean", short: "h", default: false },
      storm: { type: "string" },
      seed: { type: "string" },
      out: { type: "string" },
      database: { type: "string" },
      rate: { type: "string" },
      port: { type: "string" },
      json: { type: "boolean", default: false },
      lang: { type: "string" },
    },
  });
  if (values.storm === undefined) {
    for (const name of ["seed", "out"] as const) {
      if (values[name] !== undefined) throw new TypeError(`--${name} needs --storm, for example --storm 30s`);
    }
    if (values.json) throw new TypeError("--json needs --storm, for example --storm 30s");
  }
  const storm =
    values.storm === undefined
      ? undefined
      : durationMs("--storm", values.storm, { minMs: 3_000, maxMs: 3_600_000 });
  return {
    help: values.help,
    ...(storm === undefined
      ? {}
      : {
          storm: { durationMs: storm, seed: wholeNumber("--seed", values.seed ?? "1", 0), out: values.out },
        }),
    database: databaseOf(oneOf("--database", values.database ?? "postgres", databaseKinds), env),
    perSecond: wholeNumber(
      "--rate",
      values.rate ?? (storm === undefined ? "5" : "40"),
      storm === undefined ? 0 : 1,
      200,
    ),
    port: wholeNumber("--port", values.port ?? "4000", 0, 65_534),
    portGiven: values.port !== undefined,
    json: values.json,
    language: values.lang === undefined ? languageOf(env) : oneOf("--lang", values.lang, languages),
  };
}

/** The variable that names a server of each kind, and how its address begins. */
const servers = {
  postgres: {
    variable: "DATABASE_URL",
    scheme: /^(?!(mysql|mariadb|sqlite|file):)/i,
    example: "postgres://",
  },
  mariadb: { variable: "MARIADB_URL", scheme: /^(mysql|mariadb):\/\//i, example: "mysql://" },
} as const;

/** @throws RangeError for a server that is not of the kind that was asked for. */
function databaseOf(kind: DatabaseKind, env: NodeJS.ProcessEnv): WantedDatabase {
  if (kind !== "postgres" && isSet(env["DATABASE_URL"])) {
    throw new RangeError(
      `--database ${kind} was given while DATABASE_URL names a PostgreSQL server; unset DATABASE_URL` +
        (kind === "mariadb" ? ", and name a MariaDB server in MARIADB_URL if you have one" : ""),
    );
  }
  if (kind === "sqlite") return { kind };
  const { variable, scheme, example } = servers[kind];
  const url = env[variable];
  if (!isSet(url)) return { kind };
  if (scheme.test(url)) return { kind, url };
  const other = kind === "postgres" ? '; for another database give --database "mariadb" or "sqlite"' : "";
  throw new RangeError(
    `${variable} must begin with ${example}, or be unset for a server of our own; it begins with ${show(url.split(":")[0])}${other}`,
  );
}

function isSet(value: string | undefined): value is string {
  return value !== undefined && value !== "";
}

function wholeNumber(path: string, text: string, min: number, max?: number): number {
  return integerIn(path, /^\d+$/.test(text) ? Number(text) : text, min, max);
}

function languageOf(env: NodeJS.ProcessEnv): Language {
  const locale = env["LC_ALL"] || env["LC_MESSAGES"] || env["LANG"] || "";
  return locale.toLowerCase().startsWith("ko") ? "ko" : "en";
}
