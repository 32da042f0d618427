import { test } from "vitest";
import {
  doublesForNothing,
  goesOnWithoutRoom,
  hedgesOnlyTheTail,
  learnsTheDelay,
  passesWhatIsNotIdempotent,
  refusesToHedgeWithoutBudget,
  takesTheFirstAnswer,
} from "./hedge.ts";

test("the first of two answers is taken and the other call told to stop", takesTheFirstAnswer);
test("a hedge learns when a call is late", learnsTheDelay);
test("without room in the budget the first call goes on alone", goesOnWithoutRoom);
test("a delay below the usual latency spends the budget for nothing", doublesForNothing);
test("a percentile hedges nothing while nothing is slow", hedgesOnlyTheTail);
test("what is not idempotent passes through once", passesWhatIsNotIdempotent);
test("a hedge without a budget is refused", refusesToHedgeWithoutBudget);
