import { expect, test } from "vitest";
import { isExcepted } from "./no-proxy.ts";

test.each([
  // entry, host, port, excepted
  ["", "example.com", 443, false],
  ["*", "example.com", 443, true],
  ["example.com", "example.com", 443, true],
  ["example.com", "api.example.com", 443, true],
  ["example.com", "badexample.com", 443, false],
  ["EXAMPLE.com", "Example.COM", 443, true],
  ["example.com.", "example.com", 443, true],
  ["example.com", "example.com.", 443, true],
  [".example.com", "example.com", 443, false],
  [".example.com", "api.example.com", 443, true],
  ["*.example.com", "example.com", 443, false],
  ["*.example.com", "a.b.example.com", 443, true],
  ["example.com:8443", "example.com", 8443, true],
  ["example.com:8443", "example.com", 443, false],
  ["localhost, 127.0.0.1 ,::1", "127.0.0.1", 80, true],
  ["localhost 127.0.0.1", "localhost", 80, true],
  ["127.0.0.1:8080", "127.0.0.1", 80, false],
  ["127.0.0.1:8080", "127.0.0.1", 8080, true],
  ["::1", "[::1]", 80, true],
  ["[::1]:8080", "[::1]", 8080, true],
  ["[::1]:8080", "[::1]", 80, false],
  ["10.0.0.0/8", "10.1.2.3", 80, true],
  ["10.0.0.0/8", "11.1.2.3", 80, false],
  ["fd00::/8", "[fd12::1]", 80, true],
  ["10.0.0.0/8", "[fd12::1]", 80, false],
  ["10.0.0.0/33", "10.1.2.3", 80, false],
  ["10.0.0.0/", "10.1.2.3", 80, false],
  ["1.2.3.4", "x1.2.3.4", 80, false],
  ["2.3.4", "1.2.3.4", 80, false],
])("NO_PROXY %j and %s:%i: excepted %s", (noProxy, host, port, excepted) => {
  expect(isExcepted(noProxy, host, port)).toBe(excepted);
});
