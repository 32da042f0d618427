import { expect, test } from "vitest";
import { parseBaseUrl } from "../options/base-url.ts";
import { targetOf } from "./target.ts";

const root = parseBaseUrl("baseUrl", "https://api.example.com");
const below = parseBaseUrl("baseUrl", "https://api.example.com/base/");

test.each([
  [root, "/v1/charges?limit=3", "/v1/charges?limit=3", "/v1/charges"],
  [root, "https://api.example.com/v1/charges?limit=3", "/v1/charges?limit=3", "/v1/charges"],
  [root, "https://api.example.com:443/v1#part", "/v1", "/v1"],
  [root, "HTTPS://API.example.com/v1", "/v1", "/v1"],
  [root, "https://api.example.com", "", "/"],
  [root, "https://api.example.com?a=1", "?a=1", "/"],
  [root, "/a%2Fb/%EA", "/a%2Fb/%EA", "/a%2Fb/%EA"],
  [below, "/v1", "/base/v1", "/v1"],
  [below, "https://api.example.com/base/v1?q=/../", "/base/v1?q=/../", "/v1"],
  [below, "https://api.example.com/base", "/base", "/"],
  [below, "https://api.example.com/base?a=1", "/base?a=1", "/"],
  [below, new URL("https://api.example.com/base/v1"), "/base/v1", "/v1"],
] as const)("%o and %s lead to %s", (baseUrl, url, target, path) => {
  expect(targetOf(baseUrl, url)).toEqual({ target: target.startsWith("/") ? target : `/${target}`, path });
});

test.each([
  ["another host", "https://evil.example/v1", /another origin/],
  ["another scheme", "http://api.example.com/base/v1", /another origin/],
  ["another port", "https://api.example.com:8443/base/v1", /another origin/],
  ["a host that only begins alike", "https://api.example.com.evil.example/base", /another origin/],
  ["a user", "https://api.example.com@evil.example/base", /user name/],
  ["a password", "https://u:hunter2@api.example.com/base/v1", /user name/],
  ["beside the base", "https://api.example.com/bases", /must lie below/],
  ["above the base", "https://api.example.com/", /must lie below/],
  ["out of the base by dots", "https://api.example.com/base/../admin", /"\." or "\.\."/],
  ["out of the base by encoded dots", "https://api.example.com/base/%2E%2e/admin", /"\." or "\.\."/],
  ["out of the base by an encoded slash", "/x%2f..%2f..%2fadmin", /"\." or "\.\."/],
  ["scheme-relative", "//evil.example/v1", /starts with one "\/"/],
  ["a relative path", "v1", /starts with one "\/"/],
  ["nothing", "", /starts with one "\/"/],
  ["another kind of URL", "file:///etc/passwd", /another origin/],
  ["a URL without slashes", "https:api.example.com/base", /must hold "\/\/"/],
  ["a line break", "/a\r\nx-evil: 1", /visible ASCII/],
  ["a tab, which URL would drop", "https://api.example.com/ba\tse", /visible ASCII/],
  ["a space", "/a b", /visible ASCII/],
  ["a backslash", "https://api.example.com\\@evil.example/", /visible ASCII/],
  ["NUL", "/a\0", /visible ASCII/],
  ["beyond ASCII", "/결제", /visible ASCII/],
  ["a number", 7, /must be a string or a URL; got a number/],
] as const)("%s is refused", (_what, url, message) => {
  expect(() => targetOf(below, url)).toThrow(message);
  expect(() => targetOf(below, url)).not.toThrow(/hunter2/);
});
