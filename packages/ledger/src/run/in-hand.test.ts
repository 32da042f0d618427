import { expect, test } from "vitest";
import { InHand } from "./in-hand.ts";

/** So many begin and end within so many milliseconds. */
function ended(inHand: InHand, group: string, count: number): void {
  for (let one = 0; one < count; one += 1) inHand.took(group);
  for (let one = 0; one < count; one += 1) inHand.left(group);
}

test("nothing is claimed ahead before anything is known of how fast it goes", () => {
  const inHand = new InHand(8, () => 8, 0);
  expect(inHand.room()).toEqual({ full: [], room: 8 });
  inHand.took("a");
  expect(inHand.room()).toEqual({ full: [], room: 7 });
  for (let one = 0; one < 7; one += 1) inHand.took("a");
  expect(inHand.room()).toEqual({ full: ["a"], room: 0 });
});

test("what ends quickly is claimed ahead, twice as much each time, in halves", () => {
  const inHand = new InHand(8, () => 8, 0);
  inHand.took("a");
  ended(inHand, "a", 100);
  inHand.adapt(50);
  expect(inHand.room()).toEqual({ full: [], room: 15 });
  for (let one = 0; one < 8; one += 1) inHand.took("a");
  expect(inHand.room().full).toEqual(["a"]);
  ended(inHand, "a", 100);
  inHand.adapt(100);
  expect(inHand.room()).toEqual({ full: [], room: 23 });
});

test("never more is claimed ahead than ended in 200 ms, and never less than can be worked on at once", () => {
  const inHand = new InHand(8, () => 8, 0);
  inHand.took("a");
  for (let round = 1; round <= 10; round += 1) {
    ended(inHand, "a", 10);
    inHand.adapt(round * 100);
  }
  expect(inHand.room().room).toBe(19);
  for (let round = 11; round <= 20; round += 1) inHand.adapt(round * 100);
  expect(inHand.room().room).toBe(7);
});

test("a group that hangs is full at its share while another one goes fast", () => {
  const inHand = new InHand(8, () => 4, 0);
  for (let one = 0; one < 4; one += 1) inHand.took("hangs");
  inHand.took("fast");
  for (let round = 1; round <= 5; round += 1) {
    ended(inHand, "fast", 200);
    inHand.adapt(round * 50);
  }
  expect(inHand.room()).toEqual({ full: ["hangs"], room: 127 });
});

test("what had to be given back is not claimed ahead any more", () => {
  const inHand = new InHand(8, () => 8, 0);
  inHand.took("a");
  ended(inHand, "a", 1_000);
  inHand.adapt(50);
  inHand.took("a");
  inHand.returned("a");
  expect(inHand.room()).toEqual({ full: [], room: 7 });
});

test("two groups that hold all slots leave nothing to claim, and one that waits gets no more than its share", () => {
  const inHand = new InHand(4, () => 2, 0);
  for (const group of ["a", "a", "b", "b"]) inHand.took(group);
  expect(inHand.room()).toEqual({ full: ["a", "b"], room: 0 });
});
