import { describe, expect, test } from "vitest";
import { httpIntegration } from "../integration.ts";
import { parseOptions } from "./options.ts";

const good = {
  name: "toss",
  baseUrl: "https://api.example.com",
  operations: { charge: { method: "POST", path: "/v1/charges" } },
} as const;

function parse(changes: object): ReturnType<typeof parseOptions> {
  return parseOptions({ ...good, ...changes } as never);
}

function charge(changes: object): object {
  return { operations: { charge: { ...good.operations.charge, ...changes } } };
}

test("what is left out has the defaults", () => {
  expect(parse({})).toMatchObject({
    timeout: { connectMs: 3_000, readMs: 10_000, total: "30s", attempt: undefined },
    pool: {
      connections: 100,
      acquireMs: 1_000,
      maxWaiting: 1_000,
      keepAliveMs: 4_000,
      keepAliveMaxMs: 55_000,
    },
    concurrency: { limit: 100 },
    maxResponseBytes: 10_485_760,
  });
});

describe("a mistake is refused at construction, with its place and its fix", () => {
  test.each([
    [{ name: "" }, /^name must be a non-empty string/],
    [{ timeouts: {} }, /^timeouts is not an option; did you mean "timeout"\?/],
    [{ baseUrl: "api.example.com" }, /^baseUrl must be a URL that starts with https/],
    [{ baseUrl: "ftp://x" }, /^baseUrl must be a URL that starts with https/],
    [{ baseUrl: "https://user:secret@x" }, /^baseUrl must not hold a user name or password/],
    [{ baseUrl: "https://x/?a=1" }, /^baseUrl must not hold a query/],
    [{ timeout: { read: 3000 } }, /^timeout\.read must be a duration.*write "3000ms"/],
    [{ timeout: { reed: "3s" } }, /^timeout\.reed is not an option; did you mean "read"\?/],
    [{ timeout: { read: "0ms" } }, /^timeout\.read must lie between 1ms/],
    [{ timeout: { attempt: "31s" } }, /^timeout\.attempt \(31s\) is longer than timeout\.total \(30s\)/],
    [{ timeout: { read: "60s" } }, /^timeout\.read \(60s\) is longer than timeout\.total \(30s\)/],
    [
      { timeout: { read: "5s", attempt: "4s" } },
      /^timeout\.read \(5s\) is longer than timeout\.attempt \(4s\)/,
    ],
    [{ timeout: { connect: "40s" } }, /^timeout\.connect \(40s\) is longer than timeout\.total/],
    [{ pool: { connections: 0 } }, /^pool\.connections must be a whole number, between 1 and/],
    [{ pool: { connection: 1 } }, /^pool\.connection is not an option; did you mean "connections"\?/],
    [{ pool: { acquire: 1000 } }, /^pool\.acquire must be a duration/],
    [{ pool: { keepAlive: "60s" } }, /^pool\.keepAlive \(60s\) is longer than keepAliveMax \(55s\)/],
    [{ maxResponseBytes: -1 }, /^maxResponseBytes must be a whole number/],
    [{ headers: { "x-a": "a\nb" } }, /^headers\.x-a holds a character that a header cannot carry/],
    [{ headers: { host: "x" } }, /^headers\.host must not be given: it follows from baseUrl/],
    [{ concurrency: 100 }, /^concurrency must be an object of options, or false for none; got 100$/],
    [{ concurrency: { limit: 1, onEvent: () => {} } }, /^concurrency\.onEvent must not be given/],
    [{ retry: true }, /^retry must be an object of options, or false for none; got true$/],
    [{ retry: [] }, /^retry must be an object of options, or false for none; got an array$/],
    [{ retry: null }, /^retry must be an object of options, or false for none; got null$/],
    [{ retry: { random: () => 0 } }, /^retry\.random must not be given: write random/],
    [{ retry: { name: "x" } }, /^retry\.name must not be given: .* write name/],
    [{ breaker: "off" }, /^breaker must be an object of options, or false for none; got "off"$/],
    [{ breaker: { clock: {} } }, /^breaker\.clock must not be given: write clock/],
    [{ clock: {} }, /^clock\.now must be a function; got undefined$/],
    [{ clock: 5 }, /^clock must be an object; got 5$/],
    [{ random: 5 }, /^random must be a function; got 5$/],
    [{ tls: { ca: 5 } }, /^tls\.ca must be certificates in PEM/],
    [
      { tls: { ca: "./ca.pem" } },
      /^tls\.ca must be certificates in PEM, the text itself and not a file's name/,
    ],
    [{ tls: { cert: "x" } }, /^tls cannot be used: .*PEM/],
    [{ tls: { key: 5 } }, /^tls cannot be used: The "tls\.key" property must be of type string/],
    [{ tls: { servername: "" } }, /^tls\.servername must be a non-empty string$/],
    [{ tls: { passphrase: 5 } }, /^tls\.passphrase must be a non-empty string$/],
    [{ tls: { minVersion: "1.2" } }, /^tls\.minVersion must be one of .*"TLSv1\.2", "TLSv1\.3"; got "1\.2"$/],
    [{ tls: { rejectUnauthorized: false } }, /^tls\.rejectUnauthorized is not an option/],
    [{ notApplied: [200] }, /^notApplied\[0\] must be a whole number, between 300 and 599/],
    [{ onEvent: "x" }, /^onEvent must be a function/],
    [{ operations: [] }, /^operations must be an object; got an array$/],
    [{ operations: [good.operations.charge] }, /^operations must be an object; got an array$/],
    [charge({ method: "post" }), /^operations\.charge\.method must be one of "GET"/],
    [charge({ path: "v1" }), /^operations\.charge\.path must start with one "\/"/],
    [charge({ pth: "/" }), /^operations\.charge\.pth is not an option; did you mean "path"\?/],
    [
      charge({ idempotency: "Idempotency-Key" }),
      /^operations\.charge\.idempotency must be "natural", "none" or \{ header: "Idempotency-Key", window: "1d" \}.*; got a string$/,
    ],
    [
      charge({ idempotency: { header: "a b", window: "1d" } }),
      /^operations\.charge\.idempotency\.header must be a header name/,
    ],
    [
      charge({ idempotency: { header: "Host", window: "1d" } }),
      /^operations\.charge\.idempotency\.header must not be "Host"/,
    ],
    [charge({ idempotency: { header: "K" } }), /^operations\.charge\.idempotency\.window must be a duration/],
    [
      charge({ idempotency: { header: "K", window: "10s" } }),
      /window \(10s\) is shorter than timeout\.total \(30s\)/,
    ],
    [
      charge({ idempotency: { header: "K", window: "1d" }, headers: { k: "1" } }),
      /headers\.k must not be given: pass it as key/,
    ],
    [charge({ refusals: [402], notApplied: [402] }), /both hold 402/],
    [charge({ breaker: "mine" }), /^operations\.charge\.breaker must be one of "own", "shared"; got "mine"$/],
    [
      { ...charge({ breaker: "own" }), breaker: false },
      /^operations\.charge\.breaker is "own", but breaker is false/,
    ],
    [charge({ refusals: 402 }), /^operations\.charge\.refusals must be an array/],
    [
      charge({ timeout: { connect: "1s" } }),
      /^operations\.charge\.timeout\.connect is not an option: all operations share/,
    ],
    [
      charge({ timeout: { read: "31s" } }),
      /^operations\.charge\.timeout\.read \(31s\) is longer than .*total \(30s\)/,
    ],
  ])("%j", (changes, message) => {
    expect(() => parse(changes)).toThrow(message);
  });
});

test("an idempotency of the whole integration is checked as one of an operation, without any operation", () => {
  const make = (window: `${number}s`) => () =>
    httpIntegration({ name: "a", baseUrl: "http://localhost:1", idempotency: { header: "K", window } });
  expect(make("29s")).toThrow(/^idempotency\.window \(29s\) is shorter than timeout\.total \(30s\)/);
  expect(make("30s")).not.toThrow();
});

test("a default gives way to a shorter bound around it without a word", () => {
  expect(parse({ timeout: { total: "2s" } }).timeout).toMatchObject({ readMs: 10_000, total: "2s" });
  expect(parse({ pool: { keepAliveMax: "1s" } }).pool.keepAliveMs).toBe(1_000);
});

test("a password in baseUrl is not shown", () => {
  expect(() => parse({ baseUrl: "https://user:secret@x" })).toThrow(expect.not.stringContaining("secret"));
});
