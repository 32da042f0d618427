import { describe, expect, onTestFinished, test } from "vitest";
import { redundantIntegration, redundantWrite } from "../../src/index.ts";
import { integrate } from "../support/harness.ts";
import { echo, WireServer } from "../support/wire-server.ts";

describe("a redundant change", () => {
  async function payments(overrides: { newKey?: () => string; random?: () => number }) {
    const servers = [await WireServer.start(echo), await WireServer.start(echo)];
    onTestFinished(async () => void (await Promise.all(servers.map((server) => server.stop()))));
    const [a, b] = servers.map((server) => integrate(server.url).api);
    if (a === undefined || b === undefined) throw new Error("there are two");
    const through = {
      operation: "keyed",
      request: (id: string, { key }: { key: string }) => ({ json: { id }, key }),
      answer: () => "made",
    };
    const charge = redundantWrite({ providers: { a: through, b: through } });
    const pay = redundantIntegration({
      name: "pay",
      providers: { a: { integration: a }, b: { integration: b } },
      operations: { charge },
      ...overrides,
    });
    return { pay, servers };
  }

  test.each<[what: string, newKey: () => string]>([
    [
      "throws",
      () => {
        throw new Error("no entropy");
      },
    ],
    ["gives nothing", () => undefined as never],
    ["gives an empty key", () => ""],
  ])(
    "is not made under a key of a source that %s: two changes would be taken for one",
    async (_what, newKey) => {
      const { pay, servers } = await payments({ newKey });
      const error: unknown = await pay.call("charge", "order-1").catch((reason: unknown) => reason);
      expect(error).toMatchObject({ code: "REQUEST_INVALID", effect: "none" });
      expect(servers.flatMap(({ received }) => received)).toEqual([]);
      expect(pay.snapshot().calls.running).toBe(0);
    },
  );

  test.each([
    ["a signal that is none", { signal: {} }],
    ["a deadline that is no instant", { deadlineAtMs: Number.NaN }],
    ["a deadline that is a text", { deadlineAtMs: "soon" }],
  ])("with %s is refused, and its key is free for the next call", async (_what, wrong) => {
    const { pay, servers } = await payments({});
    const call = pay.call("charge", "order-1", { key: "k", ...wrong } as never);
    expect(await call.catch((reason: unknown) => reason)).toMatchObject({
      code: "REQUEST_INVALID",
      effect: "none",
    });
    expect(servers.flatMap(({ received }) => received)).toEqual([]);
    expect((await pay.call("charge", "order-1", { key: "k" })).value).toBe("made");
  });

  test("is made though the source of randomness throws", async () => {
    const { pay } = await payments({
      random: () => {
        throw new Error("no dice");
      },
    });
    expect((await pay.call("charge", "order-1")).value).toBe("made");
  });
});
