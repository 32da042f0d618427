import { expect, test } from "vitest";
import { type Slot, Slots } from "./slots.ts";

test("a group has its share, and what is left is for the others", () => {
  const slots = new Slots(4, () => 2);
  const begun: string[] = [];
  for (const name of ["a1", "a2", "a3", "b1"]) slots.take(name.slice(0, 1), () => begun.push(name));
  expect(begun).toEqual(["a1", "a2", "b1"]);
});

test("groups take turns, and within a group it goes by who came first, unless somebody comes ahead", () => {
  const slots = new Slots(1, () => 1);
  const begun: string[] = [];
  const held: Slot[] = [];
  const take = (name: string, ahead = false): void => {
    slots.take(
      name.slice(0, 1),
      (slot) => {
        begun.push(name);
        held.push(slot);
      },
      ahead,
    );
  };
  for (const name of ["a1", "a2", "a3", "b1", "b2"]) take(name);
  take("a0", true);
  while (held.length > 0) held.shift()?.release();
  expect(begun).toEqual(["a1", "a0", "b1", "a2", "b2", "a3"]);
});

test("a slot that is given back twice is given back once", () => {
  const slots = new Slots(1, () => 1);
  const held: Slot[] = [];
  for (let taken = 0; taken < 3; taken += 1) slots.take("a", (slot) => held.push(slot));
  held[0]?.release();
  held[0]?.release();
  expect(held).toHaveLength(2);
});

test("who leaves the queue never begins, and who has begun cannot leave", () => {
  const slots = new Slots(1, () => 1);
  const begun: string[] = [];
  let first: Slot | undefined;
  const leaveFirst = slots.take("a", (slot) => {
    first = slot;
  });
  const leaveSecond = slots.take("a", () => begun.push("second"));
  slots.take("a", () => begun.push("third"));
  expect([leaveFirst(), leaveSecond(), leaveSecond()]).toEqual([false, true, false]);
  first?.release();
  expect(begun).toEqual(["third"]);
});
