import { expect, test } from "vitest";
import { majorsIn, newestOf } from "./versions.ts";

test("the newest package of a major is chosen by its numbers, not by its letters", () => {
  const published = [
    "15.9.0-beta.14",
    "15.18.0-beta.9",
    "15.18.0-beta.17",
    "15.18.0-beta.16",
    "16.1.1-beta.9",
    "5.0.0",
    "150.0.0-beta.1",
  ];
  expect(newestOf(15, published)).toBe("15.18.0-beta.17");
  expect(newestOf(16, published)).toBe("16.1.1-beta.9");
  expect(newestOf(17, published)).toBeUndefined();
});

test("majors are a list with commas; each is run once", () => {
  expect(majorsIn("15,16, 17,15")).toEqual([15, 16, 17]);
});

test.each(["", "15,", "fifteen", "14", "15.4", "-15", "1e3"])("%j is no list of majors", (given) => {
  expect(() => majorsIn(given)).toThrow("--postgres must be majors from 15 on");
});
