import { test } from "vitest";
import {
  answersWithTheLastKnown,
  doesNotHideACharge,
  hidesAReadsTimeout,
  paysTwice,
  saysThatItIsOpen,
} from "./fallback.ts";

test("a fallback answers with the last known value", answersWithTheLastKnown);
test("a fallback does not hide that a call may have taken effect", doesNotHideACharge);
test("a read's timeout is hidden where that is allowed", hidesAReadsTimeout);
test("an answer that hides a maybe leads to a second charge", paysTwice);
test("a failure that comes through says that the outcome is open", saysThatItIsOpen);
