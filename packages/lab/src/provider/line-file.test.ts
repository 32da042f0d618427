import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { LineFile } from "./line-file.ts";

let folder: string;
let path: string;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "lab-line-file-"));
  path = join(folder, "lines.ndjson");
});

afterEach(() => rmSync(folder, { recursive: true }));

function reopened(): readonly unknown[] {
  const { file, lines } = LineFile.open(path);
  file.close();
  return lines;
}

test("what was appended is in the file when append returns, and is read back in order", () => {
  const { file, lines } = LineFile.open(path);
  expect(lines).toEqual([]);
  file.append({ n: 1 });
  expect(readFileSync(path, "utf8")).toBe('{"n":1}\n');
  file.append({ n: 2, text: "한글\nand a new line" });
  file.close();
  expect(reopened()).toEqual([{ n: 1 }, { n: 2, text: "한글\nand a new line" }]);
});

test.each(['{"n":2', '{"n":2}', '{"text":"\ud55c'])(
  "a last line torn to %j is cut off, and the next one is whole",
  (torn) => {
    writeFileSync(path, `{"n":1}\n${torn}`);
    const { file, lines } = LineFile.open(path);
    expect(lines).toEqual([{ n: 1 }]);
    file.append({ n: 3 });
    file.close();
    expect(reopened()).toEqual([{ n: 1 }, { n: 3 }]);
  },
);

test("a whole line that is not JSON is no torn line: it is named, and the file is left as it is", () => {
  const text = '{"n":1}\nhello\n{"n":3}\n';
  writeFileSync(path, text);
  expect(() => LineFile.open(path)).toThrow(`${path}, line 2 is not JSON`);
  expect(readFileSync(path, "utf8")).toBe(text);
});
