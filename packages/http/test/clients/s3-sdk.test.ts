import { Readable } from "node:stream";
import { gzipSync } from "node:zlib";
import * as s3 from "@aws-sdk/client-s3";
import { expect, test } from "vitest";
import { effectOf } from "../../src/plugins/effect-of.ts";
import { smithyOptions } from "../../src/plugins/smithy.ts";
import { lane, rejection } from "./lane.ts";
import { text } from "./provider.ts";

const credentials = { accessKeyId: "a", secretAccessKey: "b" };
const common = { forcePathStyle: true, region: "us-east-1", credentials } as const;

/** Of one moment, one call, or one connection. */
const ofItsOwn = ["x-amz-date", "authorization", "amz-sdk-invocation-id", "amz-sdk-request", "connection"];

test("requests go out as they were signed: as the SDK's own handler sends them", async () => {
  const { provider, api } = await lane();
  provider.answer(text(200, "<ListBucketResult></ListBucketResult>"));
  const body = { Bucket: "b", Key: "a b/(ü)'*!+~.txt" };
  const sent: unknown[] = [];
  for (const plug of [smithyOptions(api), {}]) {
    provider.arrived.length = 0;
    const client = new s3.S3Client({ ...common, ...plug, endpoint: api.baseUrl });
    await client.send(new s3.ListObjectsV2Command({ Bucket: "b", Prefix: "a b/(ü)'*!+", MaxKeys: 2 }));
    await client.send(
      new s3.PutObjectCommand({ ...body, Body: "content", ContentType: "text/x-a", Metadata: { a: "1" } }),
    );
    await client.send(
      new s3.PutObjectTaggingCommand({ ...body, Tagging: { TagSet: [{ Key: "k", Value: "v" }] } }),
    );
    client.destroy();
    sent.push(
      provider.arrived.map(({ method, target, headers, body: bytes }) => {
        const signed = /SignedHeaders=([^,]+)/.exec(headers.authorization ?? "")?.[1]?.split(";") ?? [];
        const values = signed.filter((name) => !ofItsOwn.includes(name)).map((name) => [name, headers[name]]);
        return { method, target, signed, values, body: bytes.toString() };
      }),
    );
  }
  expect(sent[0]).toEqual(sent[1]);
  expect(sent[0]).toMatchObject([{ signed: expect.arrayContaining(["host", "x-amz-date"]) }, {}, {}]);
});

test("metadata and the range of an object come back", async () => {
  const { provider, api } = await lane();
  provider.answer(text(206, "part", { "x-amz-meta-a": "1", "content-range": "bytes 0-3/10", etag: '"e"' }));
  const client = new s3.S3Client({ ...common, ...smithyOptions(api), endpoint: api.baseUrl });
  const got = await client.send(new s3.GetObjectCommand({ Bucket: "b", Key: "k", Range: "bytes=0-3" }));
  expect(got).toMatchObject({ Metadata: { a: "1" }, ContentRange: "bytes 0-3/10", ContentLength: 4 });
  expect(await got.Body?.transformToString()).toBe("part");
  expect(provider.arrived[0]?.headers["range"]).toBe("bytes=0-3");
});

test("an object that is not there is the SDK's own error, with the effect", async () => {
  const { provider, api } = await lane();
  provider.answer(text(404, "<Error><Code>NoSuchKey</Code></Error>"));
  const client = new s3.S3Client({ ...common, ...smithyOptions(api), endpoint: api.baseUrl });
  const error = await rejection(client.send(new s3.GetObjectCommand({ Bucket: "b", Key: "k" })));
  expect(error).toMatchObject({ name: "NoSuchKey" });
  expect([effectOf(error), provider.arrived.length]).toEqual(["none", 1]);
});

test("a stream whose length is known is sent with it", async () => {
  const { provider, api } = await lane();
  provider.answer(text(200, ""));
  const client = new s3.S3Client({
    ...common,
    ...smithyOptions(api),
    endpoint: api.baseUrl,
    requestChecksumCalculation: "WHEN_REQUIRED",
  });
  const Body = Readable.from([Buffer.from("one"), Buffer.from("two")]);
  await client.send(new s3.PutObjectCommand({ Bucket: "b", Key: "k", Body, ContentLength: 6 }));
  expect(provider.arrived.map(({ body, headers }) => [body.toString(), headers["content-length"]])).toEqual([
    ["onetwo", "6"],
  ]);
});

test("an object that is stored compressed comes as it is stored, also where others are decompressed", async () => {
  const { provider, api } = await lane({ decompress: true });
  const stored = gzipSync("content");
  provider.answer((response) => {
    response.writeHead(200, { "content-encoding": "gzip", "content-length": stored.byteLength });
    response.end(stored);
  });
  const client = new s3.S3Client({ ...common, ...smithyOptions(api), endpoint: api.baseUrl });
  const got = await client.send(new s3.GetObjectCommand({ Bucket: "b", Key: "k" }));
  expect([got.ContentEncoding, Buffer.from((await got.Body?.transformToByteArray()) ?? [])]).toEqual([
    "gzip",
    stored,
  ]);
});

test("a HEAD has an answer without a body", async () => {
  const { provider, api } = await lane();
  provider.answer((response) => {
    response.writeHead(200, { "content-length": "12345", etag: '"e"' });
    response.end();
  });
  const client = new s3.S3Client({ ...common, ...smithyOptions(api), endpoint: api.baseUrl });
  expect(await client.send(new s3.HeadObjectCommand({ Bucket: "b", Key: "k" }))).toMatchObject({
    ContentLength: 12_345,
  });
});

test("the host of a bucket is another host, and is refused before anything is sent", async () => {
  const { provider, api } = await lane();
  const endpoint = api.baseUrl.replace("127.0.0.1", "localhost");
  const client = new s3.S3Client({ ...common, forcePathStyle: false, ...smithyOptions(api), endpoint });
  const error = await rejection(client.send(new s3.GetObjectCommand({ Bucket: "bucket", Key: "k" })));
  expect(error).toMatchObject({ code: "REQUEST_INVALID", effect: "none" });
  expect(provider.arrived).toHaveLength(0);
});

test("a client that would retry by itself is refused with the fix, at its first request", async () => {
  const { provider, api } = await lane();
  const client = new s3.S3Client({ ...common, ...smithyOptions(api), endpoint: api.baseUrl, maxAttempts: 3 });
  const error = await rejection(client.send(new s3.PutObjectCommand({ Bucket: "b", Key: "k", Body: "c" })));
  expect(error).toMatchObject({ code: "CLIENT_RETRIES", effect: "none" });
  expect(String(error)).toContain("maxAttempts: 1");
  expect(provider.arrived).toHaveLength(0);
});

test("a timeout of the SDK's own is refused: it would say nothing about the effect", async () => {
  const { provider, api } = await lane();
  const client = new s3.S3Client({ ...common, ...smithyOptions(api), endpoint: api.baseUrl });
  const get = new s3.GetObjectCommand({ Bucket: "b", Key: "k" });
  await expect(client.send(get, { requestTimeout: 100 })).rejects.toThrow(
    /^requestTimeout must not be given/,
  );
  expect(provider.arrived).toHaveLength(0);
});

test("the handler alone has an AbortError for an abort, with the failure in it", async () => {
  const { provider, api } = await lane();
  const arrived = Promise.withResolvers<void>();
  provider.answer(() => arrived.resolve());
  const { protocol, hostname, port } = new URL(api.baseUrl);
  const controller = new AbortController();
  const request = {
    protocol,
    hostname,
    port: Number(port),
    method: "PUT",
    path: "/x",
    headers: {},
    body: "b",
  };
  const call = rejection(
    smithyOptions(api).requestHandler.handle(request, { abortSignal: controller.signal }),
  );
  await arrived.promise;
  controller.abort();
  expect(await call).toMatchObject({
    name: "AbortError",
    cause: { code: "CALL_ABORTED", effect: "unknown" },
  });
});

test("destroying the client closes nothing of the integration's", async () => {
  const { provider, api } = await lane();
  provider.answer(text(200, "content"));
  new s3.S3Client({ ...common, ...smithyOptions(api), endpoint: api.baseUrl }).destroy();
  expect((await api.request("ping")).status).toBe(200);
});
