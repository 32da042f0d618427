import { openAsBlob } from "node:fs";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { expect, onTestFinished, test } from "vitest";
import { failureOf, integrate, lane, send, until } from "./support/harness.ts";
import { echo } from "./support/wire-server.ts";

/** What would have ended the process. */
function unheard(): unknown[] {
  const errors: unknown[] = [];
  const note = (error: unknown): void => void errors.push(error);
  process.on("unhandledRejection", note);
  process.on("uncaughtException", note);
  onTestFinished(() => {
    process.off("unhandledRejection", note);
    process.off("uncaughtException", note);
  });
  return errors;
}

const turns = async (): Promise<void> => {
  for (let turn = 0; turn < 5; turn += 1) await new Promise((resolve) => setImmediate(resolve));
};

const text = { headers: { "content-type": "text/plain" } };

test("a body's iterator whose return throws does not keep its call from ending", async () => {
  const errors = unheard();
  const { api } = await lane((_request, peer) => peer.rst());
  let reads = 0;
  const body: AsyncIterable<string> = {
    [Symbol.asyncIterator]: () => ({
      next: async () => {
        reads += 1;
        return await (reads === 1
          ? Promise.resolve({ done: false as const, value: "a".repeat(100_000) })
          : new Promise<never>(() => {}));
      },
      return: () => {
        throw new Error("not now");
      },
    }),
  };
  const call = failureOf(api.request("plain", { ...text, body, signal: AbortSignal.timeout(500) }));
  const failure = await Promise.race([call, new Promise((resolve) => setTimeout(resolve, 5_000, "hangs"))]);

  expect(failure).toMatchObject({ effect: "unknown" });
  await until(() => api.snapshot().pool.inUse === 0);
  await turns();
  expect(errors).toEqual([]);
});

test("a listener of progress that is async and rejects does not end the process", async () => {
  const errors = unheard();
  const { api } = await lane(echo);
  await api.request("plain", {
    json: {},
    onProgress: async () => {
      throw new Error("the bar is gone");
    },
  });
  await turns();
  expect(errors).toEqual([]);
});

test.each<[what: string, random: () => number]>([
  [
    "throws",
    () => {
      throw new Error("no dice");
    },
  ],
  ["gives no number", () => Number.NaN],
])(
  "a source of randomness that %s neither ends a call nor keeps connections from being used again",
  async (_what, random) => {
    const errors = unheard();
    const { api, server } = await lane(echo, { random });
    for (let nth = 0; nth < 3; nth += 1) expect((await send(api, "read")).status).toBe(200);
    await turns();
    expect(errors).toEqual([]);
    expect(server.connections).toBe(1);
  },
);

test.each<[what: string, traceContext: () => never]>([
  [
    "whose parts throw",
    () =>
      ({
        get traceparent() {
          throw new Error("no trace");
        },
      }) as never,
  ],
  [
    "that changes between two looks",
    () => {
      let looks = 0;
      return {
        get traceparent() {
          looks += 1;
          return looks <= 2 ? `00-${"a".repeat(32)}-${"b".repeat(16)}-01` : "x\r\nx-injected: 1";
        },
      } as never;
    },
  ],
  ["that is async and rejects", (async () => Promise.reject(new Error("no trace"))) as never],
])("a trace context %s keeps no call from being made", async (_what, traceContext) => {
  const errors = unheard();
  const { api, server } = await lane(echo, { traceContext });
  expect((await send(api, "plain")).status).toBe(200);
  expect(api.snapshot().pool.inUse).toBe(0);
  expect(server.received[0]?.headers).not.toHaveProperty("x-injected");
  await turns();
  expect(errors).toEqual([]);
});

test.each<[what: string, found: unknown]>([
  ["entries without an address", [{}]],
  ["nothing in a list", [undefined]],
  ["something that is no list", 42],
  ["a name for an address", [{ address: "localhost", family: 4 }]],
])("a lookup that answers with %s is a failure of DNS", async (_what, found) => {
  const errors = unheard();
  for (const isPublic of [false, true]) {
    const { api } = integrate("http://service.test:4711", {
      public: isPublic,
      dns: {
        lookup: ((_host: string, _options: object, done: (error: null, found: unknown) => void) =>
          void setImmediate(done, null, found)) as never,
      },
    });
    expect(await failureOf(send(api, "plain"))).toMatchObject({ code: "DNS_FAILED", effect: "none" });
  }
  expect(errors).toEqual([]);
});

test("a file that cannot be read fails its request, and is not taken for a connection that died", async () => {
  const folder = await mkdtemp(join(tmpdir(), "outrigger-"));
  onTestFinished(() => rm(folder, { recursive: true }));
  const path = join(folder, "file");
  await writeFile(path, "one");
  const body = await openAsBlob(path);
  await writeFile(path, "another");
  const { api, server, events } = await lane(echo);

  const failure = await failureOf(api.request("plain", { ...text, body }));

  expect(failure).toMatchObject({ code: "REQUEST_BODY_FAILED", effect: "none", kind: "aborted" });
  expect(events.filter(({ type }) => type === "staleResend")).toEqual([]);
  expect(server.connections).toBe(1);
});

test("a reader that leaves a compressed answer while it waits for more frees the connection at once", async () => {
  const whole = gzipSync(Buffer.from("x".repeat(10)));
  const { api } = await lane(
    (_request, peer) => {
      peer.raw("HTTP/1.1 200 OK\r\ncontent-encoding: gzip\r\ntransfer-encoding: chunked\r\n\r\n");
      peer.raw(`${(whole.length - 4).toString(16)}\r\n${whole.subarray(0, -4).toString("latin1")}\r\n`);
    },
    { decompress: true },
  );
  const { body } = await api.stream("read");
  const reader = body.getReader();
  await reader.read();
  void reader.read().catch(() => {});
  await turns();
  await reader.cancel();
  await until(() => api.snapshot().pool.inUse === 0);
});
