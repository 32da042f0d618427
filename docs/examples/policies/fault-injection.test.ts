import { test } from "vitest";
import {
  breaksSomeCalls,
  refusesTooManyFaults,
  strikesBeforeOrAfter,
  strikesChosenCalls,
  testsNothing,
  testsTheRetry,
} from "./fault-injection.ts";

test("a drill breaks some calls and the policies mend them", breaksSomeCalls);
test("a fault strikes before or after the call, and says which", strikesBeforeOrAfter);
test("a fault strikes the calls that are meant, with an error of one's own", strikesChosenCalls);
test("outermost, a fault meets no policy", testsNothing);
test("innermost, a fault meets the retry", testsTheRetry);
test("faults that add up to more than all calls are refused", refusesTooManyFaults);
