import { test } from "vitest";
import {
  changesAtRunTime,
  countsWhatOutlivesItsCaller,
  holdsASlotWhileRunning,
  holdsASlotWhileWaiting,
  limitsNothing,
  limitsTheService,
  turnsAwayTheThird,
} from "./concurrency-limit.ts";

test("with two slots taken the third call is turned away at once", turnsAwayTheThird);
test("work that outlives its caller keeps its slot", countsWhatOutlivesItsCaller);
test("a lower limit lets in nobody until enough have ended", changesAtRunTime);
test("a limit for each call limits nothing", limitsNothing);
test("one limit for the service limits it", limitsTheService);
test("a limit around a retry holds its slot during the wait", holdsASlotWhileWaiting);
test("a limit inside a retry holds its slot only while an attempt runs", holdsASlotWhileRunning);
