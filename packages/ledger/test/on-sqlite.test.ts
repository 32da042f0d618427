import { describe } from "vitest";
import { sqlite } from "./support/databases/sqlite.ts";
import { useDatabase } from "./support/shop.ts";

useDatabase(sqlite);

describe.each([
  "cancel",
  "checkout",
  "crash",
  "diagnosis",
  "enqueue",
  "fair-slots",
  "late",
  "operator",
  "policies",
  "reconciliation",
  "resend",
  "retention",
  "strange-answers",
  "workers",
])("on SQLite: %s", async (file) => {
  await import(`./${file}.test.ts`);
});
