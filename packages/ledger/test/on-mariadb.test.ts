import { mariadbMissing } from "@outrigger/lab";
import { describe } from "vitest";
import { mariadb } from "./support/databases/mariadb.ts";
import { useDatabase } from "./support/shop.ts";

const missing = mariadbMissing();
if (missing !== undefined) console.warn(missing);
else useDatabase(mariadb);

describe
  .skipIf(missing !== undefined)
  .each([
    "cancel",
    "checkout",
    "crash",
    "diagnosis",
    "enqueue",
    "fair-slots",
    "inbox",
    "late",
    "list",
    "lost-commit",
    "operator",
    "policies",
    "reconciliation",
    "resend",
    "retention",
    "silent-database",
    "snapshot",
    "statements",
    "statements-archive",
    "statements-at-once",
    "statements-people",
    "strange-answers",
    "workers",
  ])("on MariaDB: %s", async (file) => {
  if (missing === undefined) await import(`./${file}.test.ts`);
});

describe.skipIf(missing !== undefined).each(["order", "outcomes", "versions"])(
  "on MariaDB: a saga, %s",
  async (file) => {
    if (missing === undefined) await import(`./saga/${file}.test.ts`);
  },
);

describe.skipIf(missing !== undefined)("on MariaDB: an outbox", async () => {
  if (missing === undefined) await import("./outbox/outbox.test.ts");
});

describe.skipIf(missing !== undefined)("on MariaDB: a barrier", async () => {
  if (missing === undefined) await import("./barrier/barrier.test.ts");
});
