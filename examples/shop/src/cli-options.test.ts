import { expect, test } from "vitest";
import { readCliOptions } from "./cli-options.ts";

test("without options it serves, in the language of the environment", () => {
  expect(readCliOptions([], { LANG: "ko_KR.UTF-8" })).toEqual({
    help: false,
    database: { kind: "postgres" },
    perSecond: 5,
    port: 4000,
    portGiven: false,
    json: false,
    language: "ko",
  });
});

test("a storm is longer and faster than a visit", () => {
  expect(readCliOptions(["--storm", "60s", "--seed", "7", "--out", "x", "--json"], {})).toMatchObject({
    storm: { durationMs: 60_000, seed: 7, out: "x" },
    perSecond: 40,
    json: true,
    language: "en",
  });
});

test.each([
  [["--storm", "60"], /--storm must be a duration with a unit .* got "60"/],
  [["--storm", "1s"], /--storm must lie between 3s and 1h; got "1s"/],
  [["--storm", "30s", "--seed", "-1"], /--seed/],
  [["--storm", "30s", "--seed", "x"], /--seed must be a whole number, at least 0; got "x"/],
  [["--storm", "30s", "--rate", "0"], /--rate must be a whole number, between 1 and 200; got 0/],
  [["--seed", "3"], /--seed needs --storm/],
  [["--json"], /--json needs --storm/],
  [["--port", "70000"], /--port must be a whole number, between 0 and 65534; got 70000/],
  [["--lang", "fr"], /--lang must be one of "en", "ko"; got "fr"/],
  [["--strom", "30s"], /--strom/],
  [["--database", "oracle"], /--database must be one of "postgres", "mariadb", "sqlite"; got "oracle"/],
])("%j is refused with the option and the fix", (args, message) => {
  expect(() => readCliOptions(args, {})).toThrow(message);
});

test("a database is started here, or is the server that is named for its kind", () => {
  const postgres = "postgresql://u@h/d";
  const mariadb = "mysql://u@h:3306/";
  const both = { DATABASE_URL: postgres, MARIADB_URL: mariadb };
  const none = { DATABASE_URL: "", MARIADB_URL: "" };
  const database = (kind: string, env: NodeJS.ProcessEnv) =>
    readCliOptions(["--database", kind], env).database;
  expect(readCliOptions([], both).database).toEqual({ kind: "postgres", url: postgres });
  expect(database("postgres", none)).toEqual({ kind: "postgres" });
  expect(database("mariadb", { MARIADB_URL: mariadb })).toEqual({ kind: "mariadb", url: mariadb });
  expect(database("mariadb", none)).toEqual({ kind: "mariadb" });
  expect(database("sqlite", { MARIADB_URL: mariadb })).toEqual({ kind: "sqlite" });
  expect(database("sqlite", none)).toEqual({ kind: "sqlite" });
});

test.each([
  [
    "postgres",
    { DATABASE_URL: "mysql://u@h/d" },
    /DATABASE_URL must begin with postgres:.*"mysql".*--database/,
  ],
  ["mariadb", { MARIADB_URL: "postgres://u:secret@h/d" }, /MARIADB_URL must begin with mysql:.*"postgres"$/],
  [
    "mariadb",
    { DATABASE_URL: "postgres://h/d" },
    /--database mariadb .* unset DATABASE_URL, and .* MARIADB_URL/,
  ],
  ["sqlite", { DATABASE_URL: "postgres://h/d" }, /--database sqlite .* unset DATABASE_URL$/],
])("--database %s with %j is refused with the fix, and tells no password", (kind, env, message) => {
  expect(() => readCliOptions(["--database", kind], env)).toThrow(message);
});
