import { expect, test } from "vitest";
import { assertDoors, type Door, doorFor } from "./door.ts";

const door = (name: string, baseUrl: string): Door => ({ name, baseUrl, exchange: (() => {}) as never });
const doors = [
  door("root", "https://a.test"),
  door("v1", "https://a.test/v1"),
  door("other", "https://b.test:8443"),
];

test.each([
  ["https://a.test", "root"],
  ["https://a.test/", "root"],
  ["https://a.test?x=1", "root"],
  ["https://a.test/v2/x", "root"],
  ["https://a.test/v1/x", "v1"],
  ["https://a.test/v1", "v1"],
  ["https://a.test/v10", "root"],
  ["https://b.test:8443/x", "other"],
  ["https://b.test/x", undefined],
  ["https://a.test.evil/x", undefined],
  ["https://a.test@evil/x", undefined],
  ["http://a.test/x", undefined],
])("%s belongs to %s", (url, name) => {
  expect(doorFor(doors, url)?.name).toBe(name);
});

test("a plug-in without an integration, or with something else, is refused where it is made", () => {
  expect(() => assertDoors("fetchOf", [])).toThrow("fetchOf needs at least one integration");
  expect(() => assertDoors("fetchOf", [{} as Door])).toThrow("fetchOf takes integrations");
  expect(() => assertDoors("fetchOf", [undefined as unknown as Door])).toThrow("fetchOf takes integrations");
});
