import { expect, test } from "vitest";
import { httpIntegration } from "../integration.ts";

test.each([
  [{ breaker: { windw: "1s" } }, /^breaker\.windw is not an option/],
  [{ breaker: { probes: 0 } }, /^breaker\.probes must be/],
  [{ concurrency: { limit: 0 } }, /^concurrency\.limit must be/],
  [{ retry: { maxRetries: -1 } }, /^retry\.maxRetries must be/],
])("a wrong option of a policy is named as it was written: %j", (options, message) => {
  const given = { name: "toss", baseUrl: "https://api.example.com", ...options };
  expect(() => httpIntegration(given as never)).toThrow(message);
});
