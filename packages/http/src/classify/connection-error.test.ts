import { expect, test } from "vitest";
import { causeOf, verdictOfConnectError, verdictOfExchangeError } from "./connection-error.ts";

const withCode = (code: string): Error => Object.assign(new Error("x"), { code });

test.each([
  ["ECONNREFUSED", "CONNECT_FAILED", true],
  ["EHOSTUNREACH", "CONNECT_FAILED", true],
  ["ENETUNREACH", "CONNECT_FAILED", true],
  ["ECONNRESET", "CONNECT_FAILED", true],
  ["ENOTFOUND", "DNS_FAILED", true],
  ["EAI_AGAIN", "DNS_FAILED", true],
  ["UND_ERR_CONNECT_TIMEOUT", "CONNECT_TIMEOUT", true],
  ["ETIMEDOUT", "CONNECT_TIMEOUT", true],
  ["DEPTH_ZERO_SELF_SIGNED_CERT", "TLS_FAILED", false],
  ["SELF_SIGNED_CERT_IN_CHAIN", "TLS_FAILED", false],
  ["UNABLE_TO_VERIFY_LEAF_SIGNATURE", "TLS_FAILED", false],
  ["CERT_HAS_EXPIRED", "TLS_FAILED", false],
  ["ERR_TLS_CERT_ALTNAME_INVALID", "TLS_FAILED", false],
  ["ERR_SSL_WRONG_VERSION_NUMBER", "TLS_FAILED", false],
])("%s while connecting is %s, transient: %s", (code, expected, transient) => {
  expect(verdictOfConnectError(withCode(code), "x:1")).toMatchObject({ code: expected, transient });
});

test("an error without a code is told by its name", () => {
  expect(verdictOfConnectError(new TypeError("x"), "x:1")).toMatchObject({
    code: "CONNECT_FAILED",
    text: "the connection to x:1 was not made (TypeError)",
  });
  expect(verdictOfExchangeError("x", "headers")).toMatchObject({ code: "CONNECTION_LOST" });
});

test("a parser's error, which quotes the answer, is not kept as the cause; any other error is", () => {
  const parser = Object.assign(new Error("reason"), { name: "HTTPParserError", data: "secret" });
  const other = withCode("ECONNRESET");

  expect(causeOf(parser)).toEqual(new Error("reason"));
  expect(causeOf(parser)).not.toHaveProperty("data");
  expect(causeOf(other)).toBe(other);
});
