import { appendFileSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { journalIn } from "./journal.ts";
import type { Played } from "./scene.ts";

const played = (id: string): Played => ({
  of: { definition: "cancel-blocks", mode: "ok", fault: "none" },
  ...{ id, wrong: [], points: [], met: true, ms: 1 },
});
let folder: string;
let file: string;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "outrigger-crash-journal-"));
  file = join(folder, "journal");
});

afterEach(() => rmSync(folder, { recursive: true, force: true }));

test("a run that was interrupted finds what it had played, by phase", () => {
  const journal = journalIn(file, "postgres main");
  journal.write("faults", played("a"));
  journal.write("faults during recovery", played("b"));
  const next = journalIn(file, "postgres main");
  expect(next.played("faults")).toEqual([played("a")]);
  expect(next.played("faults during recovery")).toEqual([played("b")]);
  expect(next.played("rehearsals")).toEqual([]);
});

test("what another run has played does not count", () => {
  journalIn(file, "postgres main").write("faults", played("a"));
  expect(journalIn(file, "sqlite main").played("faults")).toEqual([]);
});

test("a line that was being written when the run was interrupted is played again", () => {
  journalIn(file, "run").write("faults", played("a"));
  appendFileSync(file, '{"run":"run","phase":"faults","pla');
  const next = journalIn(file, "run");
  next.write("faults", played("b"));
  expect(journalIn(file, "run").played("faults")).toEqual([played("a"), played("b")]);
});

test("what was played of other sources is refused, with what to do about it", () => {
  journalIn(file, "run").write("faults", played("a"));
  writeFileSync(file, readFileSync(file, "utf8").replace(/"sources":"./, '"sources":"-'));
  expect(() => journalIn(file, "run")).toThrow(
    `--journal ${file} tells of other sources than those that stand here, or is no journal; remove it, or name another file`,
  );
});
