import { expect, test } from "vitest";
import { Turns } from "./turns.ts";

const longMs = 60_000;

test("turns come one at a time, in the order in which they were asked for", async () => {
  const turns = new Turns();
  const first = await turns.take(longMs);
  const came: string[] = [];
  const turn = async (name: string): Promise<void> => {
    const end = await turns.take(longMs);
    came.push(name, String(turns.use.inUse));
    end();
  };
  const others = [turn("second"), turn("third")];
  expect(turns.use).toEqual({ inUse: 1, waiting: 2 });
  first();
  await Promise.all(others);
  expect(came).toEqual(["second", "1", "third", "1"]);
  expect(turns.use).toEqual({ inUse: 0, waiting: 0 });
});

test("who waited too long is told, and holds up nobody behind", async () => {
  const turns = new Turns();
  const first = await turns.take(longMs);
  const impatient = turns.take(1);
  const patient = turns.take(longMs);
  await expect(impatient).rejects.toThrow("no turn within 1 ms");
  expect(turns.use).toEqual({ inUse: 1, waiting: 1 });
  first();
  (await patient)();
  expect(turns.use).toEqual({ inUse: 0, waiting: 0 });
});
