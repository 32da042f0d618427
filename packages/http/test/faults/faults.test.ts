import { readFileSync, writeFileSync } from "node:fs";
import { beforeAll, describe, expect, test } from "vitest";
import { faults, lasts, type Result, runAll } from "./matrix.ts";
import { tableOf } from "./page.ts";

let results: readonly Result[] = [];
beforeAll(async () => {
  results = await runAll();
}, 300_000);

const label = ({ kind, connection, strike, secure }: Result): string =>
  `${kind} on a ${connection} connection${secure ? ", TLS" : ""}, struck ${strike.times} times${strike.applies ? ", after it acted" : ""}`;

/** The results of which it is not so, in words; none is right. */
function wrong(fault: string, isRight: (result: Result) => boolean): string[] {
  return results
    .filter((result) => result.fault.name === fault && !isRight(result))
    .map((result) => `${label(result)}: ${JSON.stringify(result.outcome)}`);
}

describe.each(faults)("a service that $name", ({ name, code }) => {
  test(`fails a call by ${code ?? "nothing"} while it does so, whatever the request and over TLS as well`, () => {
    expect(results.some(({ fault }) => fault.name === name)).toBe(true);
    expect(wrong(name, (result) => !lasts(result) || result.outcome.code === code)).toEqual([]);
  });

  test("applies no change twice that has a key or nothing that makes it repeatable", () => {
    const once = ({ kind, outcome }: Result): boolean => !/keyed/.test(kind) || outcome.applied <= 1;
    expect(wrong(name, once)).toEqual([]);
  });

  test("is said to have done nothing only where it did nothing, and to have answered only where it acted", () => {
    const honest = ({ kind, outcome }: Result): boolean => {
      if (kind === "read") return outcome.code === undefined || outcome.effect === "none";
      if (outcome.code === undefined) return outcome.applied >= 1;
      return outcome.effect === "none" ? outcome.applied === 0 : outcome.effect === "unknown";
    };
    expect(wrong(name, honest)).toEqual([]);
  });

  test("is sent a request as often as was said", () => {
    // A request that was never written, or that a closed connection swallowed, was not received.
    const counted = ({ outcome: { sent, attempts, resends } }: Result): boolean => sent <= attempts + resends;
    expect(wrong(name, counted)).toEqual([]);
  });

  test("leaves nothing behind: the next call gets its own answer, and everything is given back", () => {
    const clean = ({ outcome }: Result): boolean =>
      outcome.next === "next" && outcome.left === "0 leases, 0 waiters, 0 slots, 0 calls";
    expect(wrong(name, clean)).toEqual([]);
  });
});

test("the page in docs shows what was measured; UPDATE_DOCS=1 writes it", () => {
  const page = new URL("../../../../docs/guide/faults.md", import.meta.url);
  const text = readFileSync(page, "utf8");
  const marks = /(<!-- the table is measured by packages\/http\/test\/faults -->\n)[\s\S]*?(<!-- end -->)/;
  const measured = text.replace(
    marks,
    (_, start: string, end: string) => `${start}\n${tableOf(results)}\n\n${end}`,
  );
  if (process.env["UPDATE_DOCS"] === "1") writeFileSync(page, measured);
  else expect(text).toBe(measured);
});
