import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { sabotages } from "./sabotages.ts";

test.each(sabotages)(
  'the text of the sabotage "$name" stands exactly once in its file',
  ({ file, from, to }) => {
    expect(readFileSync(file, "utf8").split(from)).toHaveLength(2);
    expect(to).not.toBe(from);
  },
);

test("every sabotage has a name of its own", () => {
  expect(new Set(sabotages.map(({ name }) => name)).size).toBe(sabotages.length);
});
