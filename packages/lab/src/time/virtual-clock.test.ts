import { expect, test } from "vitest";
import { VirtualClock } from "./virtual-clock.ts";

test("timers run at their instant, in the order in which they were set, with promises settled in between", async () => {
  const clock = new VirtualClock();
  const seen: string[] = [];
  clock.setTimer(20, () => seen.push(`second at ${clock.now()}`));
  clock.setTimer(10, () => {
    seen.push(`first at ${clock.now()}`);
    Promise.resolve().then(() => clock.setTimer(5, () => seen.push(`chained at ${clock.now()}`)));
  });
  clock.setTimer(20, () => seen.push(`third at ${clock.now()}`));
  await clock.advance(19);
  expect(seen).toEqual(["first at 10", "chained at 15"]);
  await clock.advance(1);
  expect(seen.slice(2)).toEqual(["second at 20", "third at 20"]);
  expect(clock.pending).toBe(0);
});

test("a wall-clock jump is not seen by monotonic time", async () => {
  const clock = new VirtualClock(1_000);
  clock.jumpWall(-900);
  await clock.advance(5);
  expect([clock.now(), clock.wallNow()]).toEqual([5, 105]);
});
