import { expect, test } from "vitest";
import { failuresOf } from "./report.ts";
import { crash } from "./run.ts";

// The whole matrix is `npm run crash`. Its share here shows every failpoint, fault, mode and set of capabilities once.
test("whatever dies, sleeps or is lost at any step, what was promised is kept; and what is weaker is found out", async () => {
  const accounts: string[] = [];
  const report = await crash({
    database: "postgres",
    share: "representative",
    seed: 20_260_101,
    lanes: 3,
    onProgress: () => {},
    onViolation: ({ account = "" }) => accounts.push(account),
    onMissed: ({ account = "" }) => accounts.push(account),
  });
  expect(accounts.join("\n\n")).toBe("");
  expect(failuresOf(report)).toEqual([]);
  expect(report.cases).toBeGreaterThan(200);
}, 1_800_000);
