import { describe } from "vitest";
import { sqlite } from "./support/databases/sqlite.ts";
import { useDatabase } from "./support/shop.ts";

useDatabase(sqlite);

describe.each([
  "alarms",
  "cancel",
  "checkout",
  "crash",
  "diagnosis",
  "enqueue",
  "fair-slots",
  "inbox",
  "late",
  "list",
  "operator",
  "policies",
  "reconciliation",
  "resend",
  "retention",
  "snapshot",
  "statements",
  "statements-answered",
  "statements-archive",
  "statements-at-once",
  "statements-people",
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

describe("on SQLite: a barrier", async () => {
  await import("./barrier/barrier.test.ts");
});
