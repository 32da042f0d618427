import { test } from "vitest";
import {
  aRaceFreesTheSlot,
  aTimeoutKeepsTheSlot,
  countsWhatComesLate,
  endsOneAttempt,
  followsTheLatency,
  refusesATimeoutAroundRetries,
  saysWhatWasNotSent,
} from "./attempt-timeout.ts";

test("a silent attempt ends at its timeout and the next one answers", endsOneAttempt);
test("what comes after the timeout is counted", countsWhatComesLate);
test("a timeout before anything was sent has no effect", saysWhatWasNotSent);
test("an adaptive timeout follows the observed latency", followsTheLatency);
test("a race of promises lets more run than the limit allows", aRaceFreesTheSlot);
test("an attempt timeout leaves the slot with the work", aTimeoutKeepsTheSlot);
test("an attempt timeout around a retry is refused", refusesATimeoutAroundRetries);
