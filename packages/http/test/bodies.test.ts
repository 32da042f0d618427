import { once } from "node:events";
import { Readable } from "node:stream";
import { exponential } from "@outrigger/core";
import { describe, expect, test } from "vitest";
import type { Progress, RequestOptions } from "../src/index.ts";
import { type BodyServer, bodyServer } from "./support/body-server.ts";
import { failureOf, integrate } from "./support/harness.ts";

const octets = { "content-type": "application/octet-stream" };
const again = { retry: { maxRetries: 1, backoff: exponential("1ms") } } as const;

async function* chunks(...texts: string[]): AsyncGenerator<Uint8Array> {
  for (const text of texts) yield Buffer.from(text);
}

function webStream(...texts: string[]): ReadableStream<string> {
  return new ReadableStream({
    start(controller) {
      for (const text of texts) controller.enqueue(text);
      controller.close();
    },
  });
}

/** Answers 503 to the first request and 200 to the others. */
function failsOnce(): Promise<BodyServer> {
  return bodyServer((_request, response, nth) => {
    response.statusCode = nth === 1 ? 503 : 200;
    response.end();
  });
}

describe("a body", () => {
  const file = new Blob(["a,b\n"], { type: "text/csv" });
  const form = new FormData();
  form.append('na"me\r\n', "line\nbreak");
  form.append("file", new File(["결제"], '한"글.txt', { type: "text/plain" }));
  form.append("bare", new Blob(["x"]));

  test.each<readonly [string, RequestOptions, string, string | RegExp]>([
    ["json", { json: { a: 1 } }, "application/json", '{"a":1}'],
    ["text", { text: "결제" }, "text/plain;charset=UTF-8", "결제"],
    [
      "a form",
      { form: { a: 1, b: ["x y", "&"], c: undefined } },
      "application/x-www-form-urlencoded",
      "a=1&b=x%20y&b=%26",
    ],
    [
      "URLSearchParams",
      { form: new URLSearchParams("a=1&a=2") },
      "application/x-www-form-urlencoded",
      "a=1&a=2",
    ],
    ["bytes", { body: Buffer.from("x"), headers: octets }, "application/octet-stream", "x"],
    ["an ArrayBuffer", { body: new Uint8Array([120]).buffer, headers: octets }, octets["content-type"], "x"],
    ["a Blob", { body: file }, "text/csv", "a,b\n"],
    ["a Blob with another type", { body: file, headers: octets }, octets["content-type"], "a,b\n"],
    [
      "a FormData",
      { form },
      /^multipart\/form-data; boundary=form-[0-9a-f-]{36}$/ as never,
      /^--form-[^\r]+\r\ncontent-disposition: form-data; name="na%22me%0D%0A"\r\n\r\nline\r\nbreak\r\n--form-[^\r]+\r\ncontent-disposition: form-data; name="file"; filename="한%22글.txt"\r\ncontent-type: text\/plain\r\n\r\n결제\r\n--form-[^\r]+\r\ncontent-disposition: form-data; name="bare"; filename="blob"\r\ncontent-type: application\/octet-stream\r\n\r\nx\r\n--form-[^\r]+--\r\n$/,
    ],
  ])(
    "given as %s arrives as what it is, with its length, also when it is sent again",
    async (_kind, options, type, text) => {
      const server = await failsOnce();
      const { api } = integrate(server.url, again);

      await api.request("keyed", options);

      expect(server.received).toHaveLength(2);
      for (const { headers, body } of server.received) {
        if (typeof type === "string") expect(headers["content-type"]).toBe(type);
        else expect(headers["content-type"]).toMatch(type);
        expect(headers["content-length"]).toBe(String(body.byteLength));
        if (typeof text === "string") expect(body.toString()).toBe(text);
        else expect(body.toString()).toMatch(text);
      }
      expect(server.received[1]?.body).toEqual(server.received[0]?.body);
    },
  );

  test("of a FormData can be read by those who know forms", async () => {
    const server = await bodyServer();
    const { api } = integrate(server.url);
    await api.request("plain", { form });
    const [got] = server.received;
    const type = got?.headers["content-type"] ?? "";
    const read = await new Response(new Uint8Array(got?.body ?? []), {
      headers: { "content-type": type },
    }).formData();
    expect(read.get("file")).toMatchObject({ name: '한"글.txt', type: "text/plain" });
    expect(await (read.get("file") as File).text()).toBe("결제");
  });

  test.each<readonly [string, RequestOptions, RegExp]>([
    ["two at once", { json: 1, text: "x" }, /a request has one body/],
    ["a form beside a body", { form: {}, body: "x", headers: octets }, /a request has one body/],
    ["text that is none", { text: 7 as never }, /text must be a string; got a number/],
    [
      "a form that is none",
      { form: [["a", "b"]] as never },
      /form must be a plain object, a URLSearchParams or a FormData; got an array/,
    ],
    ["a stream without a type", { body: chunks("x") }, /headers must hold content-type/],
    [
      "a length that is not the body's",
      { body: "abc", contentLength: 4, headers: octets },
      /contentLength is 4, but body has 3/,
    ],
    [
      "a length that is none",
      { body: chunks("x"), contentLength: -1, headers: octets },
      /contentLength must be a whole number/,
    ],
    [
      "a replay that is none",
      { body: chunks("x"), replay: 64 as never, headers: octets },
      /replay must be a size with a unit/,
    ],
    [
      "a progress listener that is none",
      { body: "x", onProgress: 1 as never, headers: octets },
      /onProgress must be a function/,
    ],
  ])("is refused before anything is sent: %s", async (_what, options, message) => {
    const server = await bodyServer();
    const { api } = integrate(server.url);
    const failure = await failureOf(api.request("plain", options));
    expect(failure).toMatchObject({ code: "REQUEST_INVALID", effect: "none", attempts: 0 });
    expect(failure.message).toMatch(message);
    expect(server.begun()).toBe(0);
  });
});

describe("a body that is a stream", () => {
  test.each<readonly [string, () => RequestOptions["body"]]>([
    ["an async generator", () => chunks("one ", "two")],
    ["a web stream of text", () => webStream("one ", "two")],
    ["a Node stream", () => Readable.from([Buffer.from("one "), Buffer.from("two")])],
  ])("as %s is sent while it is made, and again from what is kept of it", async (_kind, make) => {
    const server = await failsOnce();
    const { api } = integrate(server.url, again);

    await api.request("keyed", { body: make(), headers: octets });
    expect(server.received.map(({ body }) => body.toString())).toEqual(["one two", "one two"]);
    expect(server.received[0]?.headers).toMatchObject({ "transfer-encoding": "chunked" });

    await api.request("keyed", { body: make(), contentLength: 7, headers: octets });
    expect(server.received[2]?.headers).toMatchObject({ "content-length": "7" });
    expect(server.received[2]?.headers["transfer-encoding"]).toBeUndefined();
  });

  test("is never sent a second time when more was read than is kept, and the failure says so", async () => {
    const server = await failsOnce();
    const { api } = integrate(server.url, again);

    const failure = await failureOf(
      api.request("keyed", {
        body: chunks("a".repeat(600), "b".repeat(600)),
        replay: "1KiB",
        headers: octets,
      }),
    );

    expect(failure).toMatchObject({ code: "HTTP_503", effect: "unknown", transient: false, attempts: 1 });
    expect(failure.message).toBe(
      "lab.keyed: it answered 503; not sent again: its body is a stream, of which more was read than is kept (replay: 1KiB)",
    );
    expect(server.begun()).toBe(1);
  });

  test("is sent again when exactly as much was read as is kept, and not with a byte more or with nothing kept", async () => {
    for (const [bytes, replay, attempts] of [
      [1_024, "1KiB", 2],
      [1_025, "1KiB", 1],
      [1, "0B", 1],
      [0, "0B", 2],
    ] as const) {
      const server = await bodyServer((_request, response) => void response.writeHead(503).end());
      const { api } = integrate(server.url, { ...again, replay });
      const failure = await failureOf(
        api.request("keyed", { body: webStream("x".repeat(bytes)), headers: octets }),
      );
      expect([bytes, replay, failure.attempts]).toEqual([bytes, replay, attempts]);
    }
  });

  test("that broke off in the middle goes on from what is kept: no byte is left out and none comes twice", async () => {
    const gate = Promise.withResolvers<void>();
    async function* slow(): AsyncGenerator<string> {
      yield "one ";
      await gate.promise;
      yield "two ";
      yield "three";
    }
    const server = await bodyServer(undefined, (request, _response, nth) => {
      if (nth > 1) return false;
      request.once("data", () => {
        request.socket.destroy();
        // The chunk that the first attempt waits for comes when the second may have begun.
        setTimeout(gate.resolve, 30);
      });
      return true;
    });
    const { api } = integrate(server.url, again);

    await api.request("keyed", { body: slow(), headers: octets });

    expect(server.received.map(({ body }) => body.toString())).toEqual(["one two three"]);
    expect(server.begun()).toBe(2);
  });

  test("is let go of when the call ends before its end", async () => {
    const stream = new Readable({ read() {} });
    stream.push("begun");
    const closed = once(stream, "close");
    let cancelled: unknown;
    const web = new ReadableStream<string>({
      start: (controller) => controller.enqueue("begun"),
      cancel: (reason) => {
        cancelled = reason;
      },
    });
    const server = await bodyServer(undefined, (request) => {
      request.once("data", () => request.socket.destroy());
      return true;
    });
    const { api } = integrate(server.url);

    for (const body of [stream, web]) {
      const failure = await failureOf(api.request("plain", { body, headers: octets }));
      expect(failure).toMatchObject({ code: "CONNECTION_LOST", effect: "unknown" });
    }
    await closed;
    expect(cancelled).toBeInstanceOf(Error);
  });

  test("is let go of when the answer ends while it is still being sent, also after its call was answered", async () => {
    let end = (): void => {};
    const server = await bodyServer(undefined, (request, response) => {
      request.once("data", () => response.write("enough"));
      end = () => void response.end();
      return true;
    });
    const { api } = integrate(server.url);
    for (const replay of ["0B", "64KiB"] as const) {
      const cancelled = Promise.withResolvers<unknown>();
      const body = new ReadableStream<string>({
        start: (controller) => controller.enqueue("begun"),
        cancel: cancelled.resolve,
      });
      const answer = await api.stream("plain", { body, headers: octets, replay });
      end();
      expect(await new Response(answer.body).text()).toBe("enough");
      expect(await cancelled.promise).toBeInstanceOf(Error);
    }
  });

  test("that nobody has begun to read stays the caller's, for another provider", async () => {
    const { api } = integrate("http://127.0.0.1:1");
    const body = new Blob(["x"]).stream();
    expect(await failureOf(api.request("plain", { body, headers: octets }))).toMatchObject({
      effect: "none",
    });
    expect(body.locked).toBe(false);
    expect(await new Response(body).text()).toBe("x");
  });

  test("that fails ends the call with what happened, and is not taken for a broken service", async () => {
    const server = await bodyServer();
    const { api } = integrate(server.url, again);
    async function* broken(): AsyncGenerator<string> {
      yield "some";
      throw new Error("the disk is gone");
    }
    const failure = await failureOf(api.request("keyed", { body: broken(), headers: octets }));
    expect(failure).toMatchObject({ code: "REQUEST_BODY_FAILED", kind: "aborted", effect: "unknown" });
    expect(failure.cause).toMatchObject({ message: "the disk is gone" });

    const wrong = chunks("x", 7 as never) as AsyncIterable<Uint8Array>;
    async function* numbers(): AsyncGenerator<Uint8Array> {
      for await (const _each of wrong) yield 7 as never;
    }
    const other = await failureOf(api.request("keyed", { body: numbers(), headers: octets }));
    expect(other).toMatchObject({ code: "REQUEST_BODY_FAILED" });
  });

  test("that fails before it is read ends nothing but its call", async () => {
    const server = await bodyServer();
    const { api } = integrate(server.url);
    const stream = new Readable({
      read() {
        this.destroy(new Error("no such file"));
      },
    });
    const call = failureOf(api.request("plain", { body: stream, headers: octets }));
    stream.read(0);
    expect(await call).toMatchObject({ code: "REQUEST_BODY_FAILED", effect: "none" });
  });

  test("that has been read is refused, because its rest would pass for the whole", async () => {
    const server = await bodyServer();
    const { api } = integrate(server.url);
    const locked = webStream("x");
    locked.getReader();
    const read = Readable.from(["x"]);
    for await (const _each of read);
    for (const body of [locked, read]) {
      const failure = await failureOf(api.request("plain", { body, headers: octets }));
      expect(failure).toMatchObject({ code: "REQUEST_INVALID", effect: "none" });
    }
    expect(server.begun()).toBe(0);
  });
});

describe("progress", () => {
  test("is told for both directions, in sums, anew for each attempt", async () => {
    const server = await bodyServer((_request, response, nth) => {
      response.writeHead(nth === 1 ? 503 : 200, { "content-length": 6 });
      response.end("answer");
    });
    const { api } = integrate(server.url, again);
    const seen: Progress[] = [];
    await api.request("keyed", {
      body: chunks("one ", "two"),
      headers: octets,
      onProgress: (progress) => {
        seen.push(progress);
        throw new Error("a listener's own trouble");
      },
    });
    const of = (attempt: number): Progress[] => [
      { direction: "upload", bytes: 4, totalBytes: undefined, attempt },
      { direction: "upload", bytes: 7, totalBytes: undefined, attempt },
      { direction: "download", bytes: 6, totalBytes: 6, attempt },
    ];
    expect(seen).toEqual([...of(1), ...of(2)]);
  });

  test("knows the whole of a body of known length", async () => {
    const server = await bodyServer();
    const { api } = integrate(server.url);
    const seen: Progress[] = [];
    await api.request("plain", { json: [1], onProgress: (progress) => seen.push(progress) });
    expect(seen[0]).toEqual({ direction: "upload", bytes: 3, totalBytes: 3, attempt: 1 });
  });
});

test("an exchange takes the bodies of other clients", async () => {
  const server = await bodyServer();
  const { api } = integrate(server.url);
  await api.exchange({ method: "POST", url: "/a", body: new URLSearchParams("a=1") });
  await api.exchange({ method: "POST", url: "/b", body: webStream("x"), contentLength: 1 });
  await api.exchange({ method: "POST", url: "/c", body: new FormData() });
  expect(server.received.map(({ headers }) => headers["content-type"]?.split(";")[0])).toEqual([
    "application/x-www-form-urlencoded",
    undefined,
    "multipart/form-data",
  ]);
});
