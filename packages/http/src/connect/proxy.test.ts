import { expect, test } from "vitest";
import { proxyFor } from "./proxy.ts";

const https = new URL("https://api.example.com");
const http = new URL("http://api.example.com");

function label(option: unknown, target: URL, environment: Record<string, string>): string | undefined {
  const proxy = proxyFor("proxy", option, target, environment);
  return proxy === undefined ? undefined : `${proxy.url.protocol}//${proxy.label}`;
}

test.each([
  [https, { HTTPS_PROXY: "http://p:1" }, "http://p:1"],
  [https, { https_proxy: "http://p:1" }, "http://p:1"],
  [https, { https_proxy: "http://small:1", HTTPS_PROXY: "http://large:1" }, "http://small:1"],
  [https, { https_proxy: "", HTTPS_PROXY: "http://p:1" }, "http://p:1"],
  [https, { HTTP_PROXY: "http://p:1" }, undefined],
  [http, { HTTP_PROXY: "http://p:1" }, "http://p:1"],
  [http, { HTTP_PROXY: "http://p:1", REQUEST_METHOD: "GET" }, undefined],
  [http, { http_proxy: "http://p:1", REQUEST_METHOD: "GET" }, "http://p:1"],
  [http, { HTTPS_PROXY: "http://p:1" }, undefined],
  [https, { HTTPS_PROXY: "p:3128" }, "http://p:3128"],
  [https, { HTTPS_PROXY: "http://p" }, "http://p:80"],
  [https, { HTTPS_PROXY: "https://p" }, "https://p:443"],
  [https, { HTTPS_PROXY: "http://p:1", NO_PROXY: "example.com" }, undefined],
  [https, { HTTPS_PROXY: "http://p:1", no_proxy: "example.com:443" }, undefined],
  [https, { HTTPS_PROXY: "http://p:1", no_proxy: "example.com:80" }, "http://p:1"],
  [https, {}, undefined],
])("%s in the environment %o goes through %s", (target, environment, expected) => {
  expect(label("environment", target, environment as never)).toBe(expected);
});

test("a proxy that is written down is used whatever the environment says, and none is if it says so", () => {
  expect(label("http://mine:1", https, { HTTPS_PROXY: "http://p:1", NO_PROXY: "*" })).toBe("http://mine:1");
  expect(label(false, https, { HTTPS_PROXY: "http://p:1" })).toBeUndefined();
});

test("user and password become a header, decoded", () => {
  const { headers } = proxyFor("proxy", "http://us%40er:p%3Ass@p:1", https, {}) ?? {};
  expect(headers).toEqual(["proxy-authorization", `Basic ${Buffer.from("us@er:p:ss").toString("base64")}`]);
});

test.each([
  ["socks5://user:secret@p:1080", /^proxy must be a URL that starts with http:\/\/ or https:\/\//],
  ["http://user:secret@p:1/path", /^proxy must hold no path/],
  ["http://user:sec%ret@p:1", /^proxy holds a user or password with a "%"/],
  ["http://:::", /^proxy must be a URL/],
  [true, /^proxy must be "environment", a URL .*or false; got true$/],
])("%s is refused, and no password is shown", (option, message) => {
  const make = (): unknown => proxyFor("proxy", option, https, {});
  expect(make).toThrow(message);
  expect(make).toThrow(expect.not.stringMatching(/secret|sec%/));
});

test("a wrong variable is named", () => {
  expect(() => label("environment", https, { HTTPS_PROXY: "socks5://u:secret@p" })).toThrow(
    /^HTTPS_PROXY must be/,
  );
});
