import { Readable } from "node:stream";
import { type Dispatcher, stream } from "undici";
import { expect, onTestFinished, test } from "vitest";
import { axiosOptions } from "../../src/plugins/axios.ts";
import { dispatcherOf } from "../../src/plugins/dispatcher.ts";
import { effectOf, failureOf as failureIn } from "../../src/plugins/effect-of.ts";
import { fetchOf } from "../../src/plugins/fetch.ts";
import { kyOptions } from "../../src/plugins/ky.ts";
import { smithyOptions } from "../../src/plugins/smithy.ts";
import { lane, until } from "../support/harness.ts";
import { type Behaviour, echo } from "../support/wire-server.ts";

const large: Behaviour = (_request, peer) => {
  peer.raw("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\nhello\r\n");
};

test.each([
  ["/v1/orders/../admin", "holds a segment that leads elsewhere"],
  ["/v1/orders/%2e%2E/admin", "holds it encoded"],
  ["/v1/./orders", "holds one that leads nowhere"],
  ["/v1\\orders", "holds a backslash, which would become a slash"],
  ["/v1/or\r\nders", "holds a line break, which would be dropped"],
  ["/v1/or\tders", "holds a tab, which would be dropped"],
])("fetch is not made to %j: it %s", async (path) => {
  const { api, server } = await lane(echo);
  const fetch = fetchOf(api);
  for (const url of [path, `${server.url}${path}`]) {
    const error: unknown = await fetch(url).catch((reason: unknown) => reason);
    expect(failureIn(error)).toMatchObject({ code: "REQUEST_INVALID", effect: "none" });
    expect(String(error)).not.toContain("orders");
  }
  expect(server.received).toEqual([]);
});

test("fetch goes where its URL says, whatever stands in its query", async () => {
  const { api, server } = await lane(echo);
  const fetch = fetchOf(api);
  await fetch("/v1/files/a..b/...?path=../x#/../z");
  await fetch(new URL("/v1/ü ?q=1", server.url));
  expect(server.received.map(({ target }) => target)).toEqual([
    "/v1/files/a..b/...?path=../x",
    "/v1/%C3%BC%20?q=1",
  ]);
});

test("a status that no Response can have is the call's failure", async () => {
  const { api } = await lane((_request, peer) => peer.reply(799));
  const error: unknown = await fetchOf(api)("/plain", { method: "POST" }).catch((reason: unknown) => reason);
  expect(failureIn(error)).toMatchObject({ code: "HTTP_799", effect: "unknown" });
});

test("a caller of a dispatcher that throws at the head of an answer holds no connection", async () => {
  const { api } = await lane(large);
  const call = stream(`${api.baseUrl}/read`, { method: "GET", dispatcher: dispatcherOf(api) }, () => {
    throw new Error("no room");
  });
  await expect(call).rejects.toThrow("no room");
  await until(() => api.snapshot().pool.inUse === 0);
});

test("a handler that throws whatever it is told does not end the process", async () => {
  const errors: unknown[] = [];
  const note = (error: unknown): void => void errors.push(error);
  process.on("unhandledRejection", note);
  onTestFinished(() => void process.off("unhandledRejection", note));
  const { api } = await lane(large);
  const throwing = (): never => {
    throw new Error("no");
  };
  let told = false;
  const handler: Dispatcher.DispatchHandler = {
    onRequestStart: () => {},
    onResponseStart: throwing,
    onResponseData: throwing,
    onResponseEnd: throwing,
    onResponseError: () => {
      told = true;
      throwing();
    },
  };
  dispatcherOf(api).dispatch({ origin: api.baseUrl, path: "/read", method: "GET" }, handler);
  await until(() => told && api.snapshot().pool.inUse === 0);
  await new Promise((resolve) => setImmediate(resolve));
  expect(errors).toEqual([]);
});

test("an abort signal of another make ends an SDK's call, and what is none is refused", async () => {
  const { api, server } = await lane(() => {});
  const { requestHandler } = smithyOptions(api);
  const { hostname, port } = new URL(server.url);
  const request = {
    method: "GET",
    protocol: "http:",
    hostname,
    port: Number(port),
    path: "/read",
    headers: {},
  };
  const aborting = new AbortController();
  // As a library of its own has it: nobody's instance.
  const signal = {
    get aborted() {
      return aborting.signal.aborted;
    },
    get reason() {
      return aborting.signal.reason;
    },
    addEventListener: aborting.signal.addEventListener.bind(aborting.signal),
    removeEventListener: aborting.signal.removeEventListener.bind(aborting.signal),
  };
  const call = requestHandler.handle(request, { abortSignal: signal }).catch((error: unknown) => error);
  await until(() => server.received.length === 1);
  aborting.abort();
  expect(await call).toMatchObject({ name: "AbortError" });
  const refused: unknown = await requestHandler
    .handle(request, { abortSignal: { aborted: false, onabort: null } })
    .catch((error: unknown) => error);
  expect(refused).toMatchObject({ code: "REQUEST_INVALID", effect: "none" });
  expect(server.received).toHaveLength(1);
});

test("an SDK's body that throws while it is given up does not keep the call from ending", async () => {
  const { api } = await lane((_request, peer) => peer.rst());
  const body = Readable.from(["a"], {});
  body._destroy = () => {
    throw new Error("not now");
  };
  const error: unknown = await fetchOf(api)("/plain", {
    method: "POST",
    body: body as never,
    duplex: "half",
  } as never).catch((reason: unknown) => reason);
  expect(["none", "unknown"]).toContain(effectOf(error));
});

test.each([
  ["axiosOptions", axiosOptions],
  ["kyOptions", kyOptions],
])("%s without an integration says what is missing", (_name, make) => {
  expect(() => (make as () => unknown)()).toThrow("needs at least one integration");
});
