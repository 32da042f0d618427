import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import {
  classified,
  explains,
  own,
  refuses,
  registered,
  results,
  right,
  standard,
  throwingListener,
  unhappy,
  usage,
  wrong,
} from "./composition.ts";

test("policies around one call, outermost first", usage);
test("the recommended order, however it is written", standard);
test("what cannot work is refused, with both places and the fix", refuses);
test("the worst case, with a reason for each number", explains);
test("a result instead of a throw", results);
test("an answer that is a failure is one for every policy", classified);
test("a policy of one's own", own);
test("a registry shows, hears and changes policies while they run", registered);
test("a listener that throws changes nothing", throwingListener);
test("retries in two layers multiply", wrong);
test("one retry with a budget", right);
test("a hanging provider opens the circuit, and the open circuit ends the retries", unhappy);

test("every event that there is stands on the page", () => {
  const page = readFileSync(new URL("../../policies/composition.md", import.meta.url), "utf8");
  const events = readFileSync(
    new URL("../../../packages/core/src/events/policy-event.ts", import.meta.url),
    "utf8",
  );
  const declared = [...events.matchAll(/^ {2}readonly type: "(\w+)";/gm)].map(([, type]) => type ?? "");
  for (const type of declared) expect(page).toContain(`\`${type}\``);
});
