import { expect, test } from "vitest";
import { redacted } from "./redact.ts";

test.each([
  ["4111 1111 1111 1111", "[hidden]"],
  ["paid by 4111-1111-1111-1111, thanks", "paid by [hidden], thanks"],
  ["378282246310005", "[hidden]"],
  ["order 1234567890123", "order 1234567890123"],
  [4111111111111111, "[hidden]"],
  [4111111111111112, 4111111111111112],
  ["0.4111111111111111", "0.4111111111111111"],
])("a card number is hidden wherever it stands, another number is not: %s", (value, shown) => {
  expect(redacted(value)).toBe(shown);
});

test("fields whose names speak of secrets are hidden, whatever they hold, and the rest stays", () => {
  const request = {
    orderId: "o1",
    amount: "10.50",
    card: { number: "x", cardNumber: "1", cvc: 123, expiry: "12/29", holder: "Kim" },
    headers: [{ Authorization: "Bearer x" }],
    accessToken: "t",
    password: null,
    passed: true,
    discard: "kept",
    paymentKey: "kept",
    api_key: "k",
  };
  expect(redacted(request)).toEqual({
    orderId: "o1",
    amount: "10.50",
    card: "[hidden]",
    headers: [{ Authorization: "[hidden]" }],
    accessToken: "[hidden]",
    password: null,
    passed: true,
    discard: "kept",
    paymentKey: "kept",
    api_key: "[hidden]",
  });
});
