import { test } from "vitest";
import {
  answersOnTime,
  boundsTheWhole,
  keepsTheNearerDeadline,
  multipliesWithoutDeadline,
  refusesTheLongerTimeout,
  spendsOneDeadline,
} from "./deadline.ts";

test("attempts and waits spend one deadline", spendsOneDeadline);
test("a deadline answers on time, also when the work does not stop", answersOnTime);
test(
  "the nearer of two deadlines stays in force, and one that has passed sends nothing",
  keepsTheNearerDeadline,
);
test("attempt timeouts alone let a caller wait for all of them", multipliesWithoutDeadline);
test("a deadline around them bounds the whole", boundsTheWhole);
test("a timeout longer than the deadline is refused", refusesTheLongerTimeout);
