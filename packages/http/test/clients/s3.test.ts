import type { Readable } from "node:stream";
import { GetObjectCommand, PutObjectCommand, S3Client, S3ServiceException } from "@aws-sdk/client-s3";
import { HttpFailure, type HttpIntegration } from "../../src/index.ts";
import { smithyOptions } from "../../src/plugins/smithy.ts";
import { text } from "./provider.ts";
import { clientSuite, type TestedClient } from "./suite.ts";

function clientOf(api: HttpIntegration, more: { readonly maxAttempts?: number } = {}): S3Client {
  return new S3Client({
    ...smithyOptions(api),
    endpoint: api.baseUrl,
    forcePathStyle: true,
    region: "us-east-1",
    credentials: { accessKeyId: "a", secretAccessKey: "b" },
    ...more,
  });
}

function tested(client: S3Client): TestedClient {
  const object = { Bucket: "bucket", Key: "dir/key" };
  return {
    read: async (signal) => {
      const { Body } = await client.send(new GetObjectCommand(object), {
        ...(signal && { abortSignal: signal }),
      });
      return await Body?.transformToString();
    },
    write: (signal) =>
      client.send(new PutObjectCommand({ ...object, Body: "content" }), {
        ...(signal && { abortSignal: signal }),
      }),
  };
}

clientSuite("the S3 client", {
  make: (api) => tested(clientOf(api)),
  makeRetrying: (api) => tested(clientOf(api, { maxAttempts: 3 })),
  retryingSends: 0,
  ok: { answer: text(200, "content", { etag: '"e"' }), value: "content" },
  failing: (status) =>
    text(status, `<Error><Code>Code${status}</Code><Message>no</Message></Error>`, {
      "content-type": "application/xml",
    }),
  statusOf: (error) => (error instanceof S3ServiceException ? error.$metadata.httpStatusCode : undefined),
  isOwnError: (error) => HttpFailure.is(error),
  isAbort: (error) => error instanceof Error && error.name === "AbortError",
  keyed: false,
  streaming: {
    chunks: ["one", "two"],
    contentType: "text/plain",
    open: async (api, signal) => {
      const get = new GetObjectCommand({ Bucket: "bucket", Key: "key" });
      const { Body } = await clientOf(api).send(get, { ...(signal && { abortSignal: signal }) });
      return Body as Readable;
    },
  },
  upload: (api, content) => {
    const object = { Bucket: "bucket", Key: "key", Body: content, ContentLength: content.readableLength };
    return clientOf(api).send(new PutObjectCommand(object));
  },
});
