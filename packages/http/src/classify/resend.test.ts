import { expect, test } from "vitest";
import { maxUnwrittenResends, mayResend } from "./resend.ts";

const none = { unwritten: 0, written: 0 };

test.each([
  // written, reused, answered, repeatable -> may resend
  [false, false, false, false, true],
  [false, true, false, false, true],
  [false, true, false, true, true],
  [true, true, false, true, true],
  [true, true, false, false, false],
  [true, true, true, true, false],
  [true, false, false, true, false],
  [true, false, false, false, false],
  [true, false, true, true, false],
])(
  "written %s, reused %s, answered %s, repeatable %s: resent %s",
  (written, reused, answered, repeatable, resent) => {
    expect(mayResend({ written, reused, answered }, repeatable, none)).toBe(resent);
  },
);

test("a written request is resent once, one that never left up to three times, and each has its own count", () => {
  const stale = { written: true, reused: true, answered: false };
  const unwritten = { written: false, reused: true, answered: false };

  expect(mayResend(stale, true, { unwritten: maxUnwrittenResends, written: 0 })).toBe(true);
  expect(mayResend(stale, true, { unwritten: 0, written: 1 })).toBe(false);
  expect(mayResend(unwritten, false, { unwritten: maxUnwrittenResends - 1, written: 1 })).toBe(true);
  expect(mayResend(unwritten, false, { unwritten: maxUnwrittenResends, written: 0 })).toBe(false);
});
