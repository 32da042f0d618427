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
  "inbox",
  "list",
  "late",
  "operator",
  "policies",
  "reconciliation",
  "resend",
  "retention",
  "snapshot",
  "strange-answers",
  "workers",
])("on SQLite: %s", async (file) => {
  await import(`./${file}.test.ts`);
});

describe.each(["order", "outcomes", "versions"])("on SQLite: a saga, %s", async (file) => {
  await import(`./saga/${file}.test.ts`);
});

describe("on SQLite: an outbox", async () => {
  await import("./outbox/outbox.test.ts");
});
