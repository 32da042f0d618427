import { expect, test } from "vitest";
import { refuseClientRetries } from "./client-retries.ts";

const refusal = (method: string, name: string, value: string): unknown => {
  try {
    refuseClientRetries("api", method, [
      ["accept", "*/*"],
      [name, value],
    ]);
    return "let through";
  } catch (error) {
    return error;
  }
};

test.each([
  ["amz-sdk-request", "attempt=1; max=1"],
  ["amz-sdk-request", "attempt=1"],
  ["x-stainless-retry-count", "0"],
  ["x-retry", "7"],
])("%s: %s goes through", (name, value) => {
  expect(refusal("POST", name, value)).toBe("let through");
});

test.each([
  ["POST", "amz-sdk-request", "attempt=1; max=3", "none", /would repeat by itself.*maxAttempts: 1/],
  ["POST", "Amz-Sdk-Request", "attempt=2; max=3", "unknown", /repeats by itself.*maxAttempts: 1/],
  ["get", "amz-sdk-request", "attempt=2; max=3", "none", /repeats by itself/],
  ["POST", "x-stainless-retry-count", "1", "unknown", /repeats by itself.*maxRetries: 0/],
])("%s with %s: %s is refused, and its effect is %s", (method, name, value, effect, message) => {
  expect(refusal(method, name, value)).toMatchObject({
    code: "CLIENT_RETRIES",
    effect,
    kind: "rejected",
    transient: false,
    message: expect.stringMatching(message),
  });
});
