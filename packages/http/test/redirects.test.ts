import { describe, expect, onTestFinished, test } from "vitest";
import { type HttpIntegration, type HttpIntegrationOptions, httpIntegration } from "../src/index.ts";
import { failureOf } from "./support/harness.ts";
import { type Behaviour, WireServer } from "./support/wire-server.ts";

const operations = {
  get: { method: "GET", path: "/start" },
  post: { method: "POST", path: "/start", idempotency: "natural" },
} as const;

async function serve(behaviour: Behaviour): Promise<WireServer> {
  const server = await WireServer.start(behaviour);
  onTestFinished(() => server.stop());
  return server;
}

function integrate(
  server: WireServer,
  options: Partial<HttpIntegrationOptions<typeof operations>>,
): HttpIntegration<"get" | "post"> {
  const api = httpIntegration({
    name: "lab",
    baseUrl: server.url,
    retry: false,
    headers: { authorization: "Bearer hunter2", "x-api-key": "hunter2", accept: "text/plain" },
    operations,
    ...options,
  });
  onTestFinished(() => api.close());
  return api;
}

/** Answers `/start` with a redirect, and everything else with 200. */
function redirecting(location: () => string, status = 302): Behaviour {
  return (request, peer) => {
    if (request.target === "/start") peer.reply(status, "", { location: location() });
    else peer.reply(200, "there");
  };
}

describe("a redirect", () => {
  test("is an answer like any other by default", async () => {
    const server = await serve(redirecting(() => "/end"));
    const failure = await failureOf(integrate(server, {}).request("get"));
    expect(failure).toMatchObject({ code: "HTTP_302", effect: "none", kind: "refused" });
    expect(server.received).toHaveLength(1);
  });

  test.each([301, 302, 303, 307, 308])(
    "of %i is followed by a read, with its headers, within its origin",
    async (status) => {
      const server = await serve(redirecting(() => "/end?x=1", status));
      const response = await integrate(server, { redirects: 1 }).request("get", {
        headers: { "x-mine": "1" },
      });
      expect(response.text()).toBe("there");
      expect(server.received[1]).toMatchObject({
        method: "GET",
        target: "/end?x=1",
        headers: { authorization: "Bearer hunter2", "x-mine": "1" },
      });
    },
  );

  test("is never followed by a change, however safe it is said to be, nor by an exchange", async () => {
    const server = await serve(redirecting(() => "/end", 307));
    const api = integrate(server, { redirects: 5 });
    expect(await failureOf(api.request("post"))).toMatchObject({ code: "HTTP_307" });
    expect(await api.exchange({ method: "GET", url: "/start" })).toMatchObject({ status: 307 });
    expect(server.received).toHaveLength(2);
    const declared = { ...operations, post: { ...operations.post, redirects: 1 } };
    expect(() => integrate(server, { operations: declared as never })).toThrow(
      /^operations\.post\.redirects must be left out: a POST is never sent on/,
    );
  });

  test("is followed as often as is said, and no further", async () => {
    const server = await serve((request, peer) =>
      peer.reply(302, "", { location: `/${Number(request.target.slice(1)) + 1 || 1}` }),
    );
    const failure = await failureOf(integrate(server, { redirects: 3 }).request("get"));
    expect(failure).toMatchObject({ code: "HTTP_302", attempts: 1 });
    expect(server.received.map(({ target }) => target)).toEqual(["/start", "/1", "/2", "/3"]);
  });

  test("to another host is followed only where that is listed, and without anything that could be a credential", async () => {
    const other = await serve((_request, peer) => peer.reply(200, "elsewhere"));
    const server = await serve(redirecting(() => `${other.url}/end`));
    expect(await failureOf(integrate(server, { redirects: 5 }).request("get"))).toMatchObject({
      code: "HTTP_302",
    });
    expect(other.connections).toBe(0);

    const api = integrate(server, {
      redirects: 5,
      redirectTo: [other.url],
      deadlineHeader: { name: "x-deadline", format: "milliseconds" },
    });
    const response = await api.request("get", {
      headers: { cookie: "session=hunter2", "x-mine": "hunter2" },
    });
    expect(response.text()).toBe("elsewhere");
    expect(Object.keys(other.received[0]?.headers ?? {}).sort()).toEqual(["accept", "connection", "host"]);
    await api.close();
  });

  test("that leads back from another host comes without credentials as well", async () => {
    const other: WireServer = await serve((_request, peer) =>
      peer.reply(302, "", { location: `${server.url}/end` }),
    );
    const server: WireServer = await serve(redirecting(() => other.url));
    await integrate(server, { redirects: 5, redirectTo: [other.url] }).request("get");
    expect(server.received[1]?.target).toBe("/end");
    expect(server.received[1]?.headers).not.toHaveProperty("authorization");
    expect(server.received[1]?.headers).not.toHaveProperty("x-api-key");
  });

  test.each([
    ["a private address", "http://127.0.0.1:1/x"],
    ["metadata", "http://169.254.169.254/latest/meta-data"],
    ["another scheme", "file:///etc/passwd"],
    ["a script", "javascript:alert(1)"],
    ["a user", "//user:hunter2@127.0.0.1/"],
    ["a host without a scheme", "//evil.example/"],
    ["what is no URL", "http://["],
    ["dots that are encoded", "/a/%2e%2e%2fadmin"],
    ["nothing", ""],
  ])("to %s is not followed", async (_what, location) => {
    const server = await serve(redirecting(() => location));
    const api = integrate(server, { redirects: 5 });
    const outcome = await failureOf(api.request("get"));
    expect(outcome).toMatchObject({ code: "HTTP_302" });
    expect(outcome.message).not.toContain("hunter2");
    // An empty location is the same place again, as often as is allowed.
    expect(new Set(server.received.map(({ target }) => target))).toEqual(new Set(["/start"]));
  });

  test("to the same place under another user's name is not followed", async () => {
    const server: WireServer = await serve(
      redirecting(() => `http://somebody:hunter2@127.0.0.1:${server.port}/end`),
    );
    const failure = await failureOf(integrate(server, { redirects: 5 }).request("get"));
    expect(failure).toMatchObject({ code: "HTTP_302" });
    expect(server.received).toHaveLength(1);
  });

  test("ends with its call", async () => {
    const server = await serve((request, peer) => {
      if (request.target === "/start") peer.reply(302, "", { location: "/end" });
    });
    const api = integrate(server, { redirects: 5, timeout: { read: "30ms" } });
    expect(await failureOf(api.request("get"))).toMatchObject({ code: "READ_TIMEOUT" });
  });
});

test.each<readonly [object, RegExp]>([
  [{ redirects: -1 }, /^redirects must be a whole number, between 0 and 10/],
  [{ redirects: 11 }, /^redirects must be a whole number, between 0 and 10/],
  [{ redirectTo: "https://a.example" }, /^redirectTo must be an array of origins/],
  [{ redirectTo: ["https://a.example/x"] }, /^redirectTo\[0\] must be an origin, without a path/],
  [{ redirectTo: ["file:///x"] }, /^redirectTo\[0\] must be a URL that starts with https/],
  [
    { baseUrl: "https://a.example", redirectTo: ["http://b.example"] },
    /^redirectTo\[0\] must start with https:\/\//,
  ],
  [{ redirectTo: ["https://a.example:22"] }, /^redirectTo\[0\] must not have the port 22/],
  [{ allowed: { ports: [8443] } }, /^baseUrl must not have the port 1: allowed\.ports does not hold it/],
  [{ allowed: { schemes: ["https"] } }, /^baseUrl must have one of the schemes https \(allowed\); got http/],
  [{ allowed: { schemes: ["ftp"] } }, /^allowed\.schemes must hold "https", "http" or both; got "ftp"/],
  [{ allowed: { schemes: [] } }, /^allowed\.schemes must be an array that is not empty/],
  [{ allowed: { ports: [0] } }, /^allowed\.ports\[0\] must be a whole number/],
  [{ allowed: { port: [1] } }, /^allowed\.port is not an option; did you mean "ports"/],
])("%o is refused at construction", (options, message) => {
  expect(() => httpIntegration({ name: "lab", baseUrl: "http://localhost:1", ...options } as never)).toThrow(
    message,
  );
});
