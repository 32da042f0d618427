import { test } from "vitest";
import {
  backsOff,
  chargesOnce,
  chargesTwice,
  doesNotRepeatWhatMayHaveHappened,
  keepsTheWorstEffect,
  mendsAPassingFault,
  obeysRetryAfter,
} from "./retry.ts";

test("a retry mends a passing fault", mendsAPassingFault);
test("backoffs grow as their page says", backsOff);
test("Retry-After is never shortened, and beyond the deadline it fails at once", obeysRetryAfter);
test("what may have happened is not repeated", doesNotRepeatWhatMayHaveHappened);
test("the worst effect of all attempts is thrown", keepsTheWorstEffect);
test("a call that is falsely called idempotent charges twice", chargesTwice);
test("with a key that the provider honours it charges once", chargesOnce);
