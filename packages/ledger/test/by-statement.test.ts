import { describe } from "vitest";
import { postgresByStatement } from "./support/databases/postgres-by-statement.ts";
import { useDatabase } from "./support/shop.ts";

// The same promises where business rows are written by statements, which leave in one packet with the ledger's own.
useDatabase(postgresByStatement);

describe.each([
  "cancel",
  "checkout",
  "crash",
  "enqueue",
  "late",
  "operator",
  "policies",
  "resend",
  "silent-database",
  "strange-answers",
  "workers",
])("by statement: %s", async (file) => {
  await import(`./${file}.test.ts`);
});

describe.each(["order", "outcomes"])("by statement: a saga, %s", async (file) => {
  await import(`./saga/${file}.test.ts`);
});
