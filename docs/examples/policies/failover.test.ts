import { test } from "vitest";
import {
  asksTheNext,
  chargesAtBoth,
  doesNotAskAfterMaybe,
  oneBreakerForBoth,
  readsFromBoth,
  takesNoForAnAnswer,
} from "./failover.ts";

test("the next provider is asked when the first one had no effect", asksTheNext);
test("nobody else is asked after a timeout", doesNotAskAfterMaybe);
test("a declined card is an answer", takesNoForAnAnswer);
test("a payment that accepts a maybe is charged by both", chargesAtBoth);
test("a read may be asked of both", readsFromBoth);
test("one breaker for two providers fails both", oneBreakerForBoth);
