import { once } from "node:events";
import { VirtualClock } from "@outrigger/lab";
import { expect, test } from "vitest";
import { InProcessSocket } from "./in-process-socket.ts";

test("what one end writes the other reads, in both directions, to the end", async () => {
  const [one, other] = InProcessSocket.pair();
  one.end("there");
  other.end("back");
  const read = async (end: InProcessSocket): Promise<string> => {
    let text = "";
    for await (const chunk of end) text += chunk;
    return text;
  };
  expect(await Promise.all([read(one), read(other)])).toEqual(["back", "there"]);
  expect([one.destroyed, other.destroyed]).toEqual([true, true]);
});

test("a writer waits until its peer has read", async () => {
  const [one, other] = InProcessSocket.pair();
  let taken = 0;
  const count = (): void => {
    taken += 1;
  };
  for (let nth = 0; nth < 10; nth += 1) one.write(Buffer.alloc(50_000), count);
  await once(other, "readable");
  expect(taken).toBeLessThan(10);
  other.resume();
  await expect.poll(() => taken).toBe(10);
});

test("an end that is destroyed takes the other with it, and only its own error is told", async () => {
  const [one, other] = InProcessSocket.pair();
  const told = once(one, "error");
  const closed = once(other, "close");
  one.destroy(new Error("gone"));
  expect((await told).map(String)).toEqual(["Error: gone"]);
  await closed;
  expect(other.errored).toBeNull();
});

test("a timeout is told after so long without a byte in either direction, and not while there are some", async () => {
  const clock = new VirtualClock();
  const [one, other] = InProcessSocket.pair(clock);
  one.resume();
  let told = 0;
  one.setTimeout(100, () => {
    told += 1;
  });
  await clock.advance(99);
  one.write("out");
  await clock.advance(99);
  other.write("in");
  await clock.advance(99);
  expect(told).toBe(0);
  await clock.advance(1);
  expect(told).toBe(1);
  one.destroy();
  expect(clock.pending).toBe(0);
});

test("a timeout of 0 is none, and one that is destroyed leaves no timer", async () => {
  const clock = new VirtualClock();
  const [one] = InProcessSocket.pair(clock);
  one.setTimeout(100);
  one.setTimeout(0);
  expect(clock.pending).toBe(0);
  one.setTimeout(100);
  one.destroy();
  await once(one, "close");
  expect(clock.pending).toBe(0);
});
