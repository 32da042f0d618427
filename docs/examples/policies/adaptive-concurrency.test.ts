import { adaptiveConcurrency, execute, Failure } from "@outrigger/core";
import { fails, scripted, VirtualClock } from "@outrigger/lab";
import { expect, test } from "vitest";
import { algorithms, drops, guessed, right, usage, wrong } from "./adaptive-concurrency.ts";

test("it settles a little above what the server can work on, and follows it down", usage);
test("timeouts lower it, once for those that were under way together", drops);
test("another algorithm, and bounds that change while it runs", algorithms);
test("inside of a timeout it learns nothing of calls that do not stop", wrong);
test("around a timeout it sees it", right);
test("a guess makes everybody wait; what is learnt does not", guessed);

test("a refusal, an abort and a rejection of ours teach it nothing", async () => {
  const clock = new VirtualClock();
  const limit = adaptiveConcurrency({ clock });
  for (const kind of ["refused", "aborted", "rejected"] as const) {
    const call = limit(scripted([fails(new Failure("no", { code: "NO", effect: "none", kind }))]));
    await execute(call, 1, { clock }).catch(() => {});
  }
  expect(limit.snapshot()).toMatchObject({ limit: 20, drops: 0, inUse: 0 });
});

test("options of another algorithm are refused", () => {
  expect(() => adaptiveConcurrency({ algorithm: "aimd", vegas: { alpha: 2 } })).toThrow(
    'adaptiveConcurrency.vegas is for the algorithm "vegas", and the algorithm is "aimd"',
  );
});
