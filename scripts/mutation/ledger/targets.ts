import { readFileSync } from "node:fs";
import { type SqlMutant, sqlMutants, withMutant } from "./sql-mutants.ts";

export const databases = ["postgres", "sqlite", "mariadb"] as const;
export type DatabaseName = (typeof databases)[number];

/** A mutant of a statement, in the file as it is. */
export interface Target extends SqlMutant {
  readonly database: DatabaseName;
  readonly file: string;
  /** The whole line, for an explanation. */
  readonly text: string;
  readonly source: string;
}

interface Source {
  readonly file: string;
  /** What only reads is left alone: it fences nothing. */
  readonly writesOnly: boolean;
}

const store = "packages/ledger/src/store";

/** Versions whose functions the statements call, as a migration that replaces one has to say here; the others are for older nodes. */
export const functionsOfPostgres: readonly string[] = ["8", "9"];

const sources: Readonly<Record<DatabaseName, readonly Source[]>> = {
  postgres: [
    { file: `${store}/postgres/columns.ts`, writesOnly: false },
    { file: `${store}/postgres/claim-8.ts`, writesOnly: false },
    { file: `${store}/postgres/functions-9.ts`, writesOnly: false },
    { file: `${store}/postgres/statements.ts`, writesOnly: true },
  ],
  sqlite: [
    { file: `${store}/sqlite/moves.ts`, writesOnly: false },
    { file: `${store}/sqlite/columns.ts`, writesOnly: false },
    { file: `${store}/sqlite/statements.ts`, writesOnly: true },
  ],
  mariadb: [
    { file: `${store}/mariadb/insert.ts`, writesOnly: false },
    { file: `${store}/mariadb/move.ts`, writesOnly: false },
    { file: `${store}/mariadb/claim.ts`, writesOnly: false },
    { file: `${store}/mariadb/archive.ts`, writesOnly: false },
    { file: `${store}/mariadb/columns.ts`, writesOnly: false },
    { file: `${store}/mariadb/text.ts`, writesOnly: false },
  ],
};

/** What each statement promises by itself; then what shows when they work together, the likeliest to notice first. */
const tests = [
  ...[
    "statements",
    "statements-people",
    "statements-archive",
    "statements-at-once",
    "statements-answered",
    "retention",
    "workers",
    "list",
    "fair-slots",
    "cancel",
    "late",
  ],
  ...["operator", "resend", "enqueue", "checkout", "policies", "diagnosis", "snapshot"],
];
/** Only where there is a server of that kind. */
const more: Readonly<Record<DatabaseName, readonly string[]>> = {
  postgres: ["postgres-plans", "claims-ahead", "together", "transaction", "wake-up"],
  sqlite: [],
  mariadb: ["mariadb-copies"],
};

export function testFilesOf(database: DatabaseName): readonly string[] {
  return [...tests, ...more[database]].map((name) => `packages/ledger/test/${name}.test.ts`);
}

export function targetsOf(database: DatabaseName): readonly Target[] {
  return sources[database].flatMap(({ file, writesOnly }) => {
    const source = readFileSync(file, "utf8");
    const lines = source.split("\n");
    return sqlMutants(source, writesOnly).map((mutant) => ({
      ...mutant,
      database,
      file,
      source,
      text: (lines[mutant.line - 1] ?? "").trim(),
    }));
  });
}

export const mutated = (target: Target): string => withMutant(target.source, target);

/** What is found in a text that was made of a literal. */
const tagOf = (file: string, literal: number): string => `/*of ${file}:${literal}*/`;
export const tagOfTarget = ({ file, literalEnd }: Target): string => tagOf(file, literalEnd);

/** The source files, with a comment at the end of each literal that has a mutant: it tells which statements are sent. */
export function taggedSources(targets: readonly Target[]): Readonly<Record<string, string>> {
  const files = Map.groupBy(targets, ({ file }) => file);
  return Object.fromEntries(
    [...files].map(([file, own]) => {
      const ends = [...new Set(own.map(({ literalEnd }) => literalEnd))].sort((a, b) => b - a);
      const source = own[0]?.source ?? "";
      const tagged = ends.reduce(
        (text, at) => `${text.slice(0, at)} ${tagOf(file, at)}${text.slice(at)}`,
        source,
      );
      return [file, tagged];
    }),
  );
}
