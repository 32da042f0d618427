import { readFileSync, writeFileSync } from "node:fs";
import { expect, test } from "vitest";
import { fiveWaysPicture } from "./printed/five-ways-picture.ts";
import { guaranteeTable, reasonTable } from "./printed/guarantee-tables.ts";
import { type Language, statePicture } from "./printed/state-picture.ts";
import { moveTable, pairTable } from "./printed/state-tables.ts";

// What a page says of the code is printed from the code: UPDATE_DOCS=1 writes it, and without it the test compares.
const isUpdating = process.env["UPDATE_DOCS"] === "1";

function shows(file: string, print: (text: string) => string): void {
  const url = new URL(file, import.meta.url);
  const text = isUpdating ? readOr(url, "") : readFileSync(url, "utf8");
  const printed = print(text);
  if (isUpdating) writeFileSync(url, printed);
  else expect(printed).toBe(text);
}

function readOr(url: URL, other: string): string {
  try {
    return readFileSync(url, "utf8");
  } catch {
    return other;
  }
}

/** The page with what stands between `<!-- printed: name -->` and `<!-- end -->` printed anew. */
function between(text: string, name: string, printed: string): string {
  const start = `<!-- printed: ${name} -->\n`;
  const from = text.indexOf(start);
  const to = text.indexOf("<!-- end -->", from);
  if (from === -1 || to === -1) throw new Error(`the page has no "${start.trim()}" with an end`);
  return `${text.slice(0, from)}${start}\n${printed}\n\n${text.slice(to)}`;
}

const languages: readonly (readonly [Language, suffix: string])[] = [
  ["en", ""],
  ["ko", ".ko"],
];

test.each(languages)("the picture of the states has every move of the table (%s)", (language, suffix) => {
  shows(`pictures/operation-states${suffix}.svg`, () => statePicture(language));
});

test.each(languages)("the page of the states has the table that decides (%s)", (language, suffix) => {
  shows(`ledger/states${suffix}.md`, (text) =>
    between(between(text, "pairs", pairTable(language)), "moves", moveTable(language)),
  );
});

test.each(languages)(
  "the page of the guarantees has what the ledger promises of itself (%s)",
  (language, suffix) => {
    shows(`ledger/guarantees${suffix}.md`, (text) =>
      between(between(text, "guarantees", guaranteeTable(language)), "reasons", reasonTable(language)),
    );
  },
);

test.each(languages)(
  "the picture of the five ways is the one that is drawn from their words (%s)",
  (language, suffix) => {
    shows(`pictures/five-ways${suffix}.svg`, () => fiveWaysPicture(language));
  },
);
