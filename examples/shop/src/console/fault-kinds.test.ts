import { faultKinds as buttons } from "@outrigger/console";
import { faultKinds } from "@outrigger/lab";
import { expect, test } from "vitest";

// The console knows nothing of the lab at run time; that both speak of the same faults is held here.
test("the console has a button for every fault that the providers know, and no other", () => {
  expect([...buttons].sort()).toEqual([...faultKinds].sort());
});
