import { Agent, getGlobalDispatcher, request, setGlobalDispatcher, fetch as undiciFetch } from "undici";
import { describe, expect, onTestFinished, test } from "vitest";
import { dispatcherOf, installGlobal } from "../../src/plugins/dispatcher.ts";
import { effectOf } from "../../src/plugins/effect-of.ts";
import { lane, rejection } from "./lane.ts";
import { json, Provider, text } from "./provider.ts";

async function elsewhere(): Promise<Provider> {
  const other = await Provider.start();
  onTestFinished(() => other.stop());
  other.answer(text(200, "elsewhere"));
  return other;
}

/** Both places where a dispatcher is looked for, as they are now. */
function installed(): unknown[] {
  const slots = globalThis as unknown as Record<symbol, unknown>;
  return ["1", "2"].map((version) => slots[Symbol.for(`undici.globalDispatcher.${version}`)]);
}

describe("installed globally", () => {
  test("calls of the integration's origin go through it, by each of the three doors", async () => {
    const { provider, api } = await lane();
    provider.answer(json(503, {}), json(503, {}), json(200, {}));
    onTestFinished(installGlobal(api));
    expect((await fetch(`${api.baseUrl}/a`)).status).toBe(200);
    expect((await undiciFetch(`${api.baseUrl}/b`)).status).toBe(200);
    const { statusCode, body } = await request(`${api.baseUrl}/c`);
    await body.dump();
    expect(statusCode).toBe(200);
    expect(provider.arrived.map(({ target }) => target)).toEqual(["/a", "/a", "/a", "/b", "/c"]);
    expect(api.snapshot().calls.succeeded).toBe(3);
  });

  test("every other call goes where it went before", async () => {
    const { provider, api } = await lane();
    const other = await elsewhere();
    onTestFinished(installGlobal(api));
    expect(await (await fetch(`${other.url}/x`)).text()).toBe("elsewhere");
    expect(await (await undiciFetch(`${other.url}/y`)).text()).toBe("elsewhere");
    const error = await rejection(fetch("http://127.0.0.1:1/x"));
    expect(error).toMatchObject({ name: "TypeError", message: "fetch failed" });
    expect([other.arrived.length, provider.arrived.length]).toEqual([2, 0]);
    expect(api.snapshot().calls).toMatchObject({ succeeded: 0, failed: 0 });
  });

  test("it is taken back without a trace", async () => {
    const { provider, api } = await lane();
    provider.answer(json(200, {}));
    const before = installed();
    const uninstall = installGlobal(api);
    expect(installed()).not.toEqual(before);
    uninstall();
    uninstall();
    expect(installed()).toEqual(before);
    await (await fetch(`${api.baseUrl}/x`)).text();
    expect([provider.arrived.length, api.snapshot().calls.succeeded]).toEqual([1, 0]);
  });

  test("what was installed over it stays when it is taken back", async () => {
    const { provider, api } = await lane();
    provider.answer(json(200, {}));
    const before = getGlobalDispatcher();
    onTestFinished(() => setGlobalDispatcher(before));
    const uninstall = installGlobal(api);
    const ours = getGlobalDispatcher();
    const over = ours.compose((dispatch) => (options, handler) => dispatch(options, handler));
    setGlobalDispatcher(over);
    uninstall();
    expect(getGlobalDispatcher()).toBe(over);
    await (await undiciFetch(`${api.baseUrl}/x`)).text();
    expect([provider.arrived.length, api.snapshot().calls.succeeded]).toEqual([1, 0]);
  });

  test("two are installed side by side", async () => {
    const one = await lane({ name: "one" });
    const two = await lane({ name: "two" });
    one.provider.answer(json(200, {}));
    two.provider.answer(json(200, {}));
    onTestFinished(installGlobal(one.api));
    onTestFinished(installGlobal(two.api));
    await fetch(`${one.api.baseUrl}/x`);
    await fetch(`${two.api.baseUrl}/x`);
    expect([one.api.snapshot().calls.succeeded, two.api.snapshot().calls.succeeded]).toEqual([1, 1]);
  });
});

describe("given to one call", () => {
  test("Node's own fetch takes it, though its undici is older than ours", async () => {
    const { provider, api } = await lane();
    provider.answer(json(503, {}), json(200, { id: 7 }));
    const dispatcher = dispatcherOf(api) as unknown as NonNullable<RequestInit["dispatcher"]>;
    expect(await (await fetch(`${api.baseUrl}/x`, { dispatcher })).json()).toEqual({ id: 7 });
    expect(provider.arrived).toHaveLength(2);
  });

  test("undici's fetch has the failure as its cause, with the effect", async () => {
    const { provider, api } = await lane({ retry: false });
    provider.answer((response) => void response.socket?.resetAndDestroy());
    const error = await rejection(
      undiciFetch(`${api.baseUrl}/x`, { method: "POST", dispatcher: dispatcherOf(api) }),
    );
    expect(error).toMatchObject({ message: "fetch failed", cause: { code: "CONNECTION_LOST" } });
    expect(effectOf(error)).toBe("unknown");
  });

  test("a URL of another origin is refused, and nothing is sent", async () => {
    const { provider, api } = await lane();
    const other = await elsewhere();
    const error = await rejection(request(`${other.url}/x`, { dispatcher: dispatcherOf(api) }));
    expect(error).toMatchObject({ code: "REQUEST_INVALID", effect: "none" });
    expect([provider.arrived.length, other.arrived.length]).toEqual([0, 0]);
  });

  test("headers and queries come in each of undici's forms", async () => {
    const { provider, api } = await lane();
    provider.answer(json(200, {}));
    const dispatcher = dispatcherOf(api);
    const forms = [
      { "x-a": "1", "x-b": ["2", "3"], "x-c": undefined },
      ["x-a", "1", "x-b", "2", "x-b", "3"],
      new Map<string, string | string[]>([
        ["x-a", "1"],
        ["x-b", ["2", "3"]],
      ]),
    ];
    for (const headers of forms) {
      const { body } = await request(`${api.baseUrl}/x`, {
        dispatcher,
        headers,
        query: { a: "1 2", b: [1, 2] },
      });
      await body.dump();
    }
    for (const { target, headers } of provider.arrived) {
      expect([target, headers["x-a"], headers["x-b"], headers["x-c"]]).toEqual([
        "/x?a=1+2&b=1&b=2",
        "1",
        "2, 3",
        undefined,
      ]);
    }
    expect(provider.arrived).toHaveLength(3);
  });

  test("a reader that is slow holds the provider back", async () => {
    const { provider, api } = await lane();
    const total = 32 * 1024 * 1024;
    let written = 0;
    provider.answer((response) => {
      const chunk = Buffer.alloc(256 * 1024);
      const write = (): void => {
        while (written < total) {
          written += chunk.byteLength;
          if (!response.write(chunk)) return;
        }
        response.end();
      };
      response.on("drain", write);
      write();
    });
    const { body } = await request(`${api.baseUrl}/x`, { dispatcher: dispatcherOf(api) });
    let before = -1;
    // Until everything between the two is full.
    while (before !== written) {
      before = written;
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
    expect(written).toBeLessThan(total);
    let read = 0;
    for await (const chunk of body) read += chunk.byteLength;
    expect(read).toBe(total);
  });

  test("a handler that aborts hears of nothing but its reason any more", async () => {
    const { provider, api } = await lane();
    provider.answer(json(200, {}));
    const heard: unknown[] = [];
    const over = Promise.withResolvers<void>();
    dispatcherOf(api).dispatch(
      { origin: api.baseUrl, path: "/x", method: "GET" },
      {
        onResponseData: (controller) => controller.abort(new Error("enough")),
        onResponseEnd: () => {
          heard.push("end");
          over.resolve();
        },
        onResponseError: (_controller, error) => {
          heard.push(String(error));
          over.resolve();
        },
        onRequestStart: () => {},
        onResponseStart: () => {},
      },
    );
    await over.promise;
    expect(heard).toEqual(["Error: enough"]);
  });

  test("an upgrade is refused", async () => {
    const { provider, api } = await lane();
    const error = await rejection(dispatcherOf(api).upgrade({ path: "/x", origin: api.baseUrl } as never));
    expect(String(error)).toContain("upgrade");
    expect(provider.arrived).toHaveLength(0);
  });

  test("closing it closes nobody's connections", async () => {
    const { provider, api } = await lane();
    provider.answer(json(200, {}));
    const dispatcher = dispatcherOf(api);
    await dispatcher.close();
    await dispatcher.destroy();
    await new Promise<void>((resolve) => dispatcher.close(resolve));
    expect((await request(`${api.baseUrl}/x`, { dispatcher })).statusCode).toBe(200);
  });

  test("an agent of undici stays usable beside it", async () => {
    const other = await elsewhere();
    const { api } = await lane();
    onTestFinished(installGlobal(api));
    const agent = new Agent();
    onTestFinished(() => agent.close());
    const { body } = await request(`${other.url}/x`, { dispatcher: agent });
    expect(await body.text()).toBe("elsewhere");
  });
});
