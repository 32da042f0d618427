import { adaptiveThrottle } from "@outrigger/core";
import { expect, test } from "vitest";
import { outage, reconfigured, refused, rejection, right, usage, wrong } from "./adaptive-throttle.ts";

test("it turns nobody away while all is well, and most while little is accepted", usage);
test("a total outage is not for ever", outage);
test("a rejection says how much is turned away, and why", rejection);
test("refusals counted as overload turn customers away from a healthy service", wrong);
test("refusals are answers", right);
test("to turn everybody away is refused", refused);

test("rules may change while calls run", () => {
  const throttle = adaptiveThrottle();
  reconfigured(throttle);
  expect(throttle.snapshot()).toMatchObject({ k: 1.5, windowMs: 60_000, maxRejection: 0.9 });
});
