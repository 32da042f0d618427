import { createRequire, registerHooks } from "node:module";
import type * as S3 from "@aws-sdk/client-s3";
import { HttpFailure, type HttpIntegration } from "../../src/index.ts";
import { smithyOptions } from "../../src/plugins/smithy.ts";
import { text } from "./provider.ts";
import { clientSuite, type TestedClient } from "./suite.ts";

const { GetObjectCommand, PutObjectCommand, S3Client, S3ServiceException } = asNodeLoadsIt();

/** The test runner asks for modules as bundlers do, and those of the SDK cannot be loaded without one. */
function asNodeLoadsIt(): typeof S3 {
  const hooks = registerHooks({
    resolve: (specifier, context, next) =>
      next(specifier, { ...context, conditions: context.conditions.filter((each) => each !== "module") }),
  });
  try {
    return createRequire(import.meta.url)("@aws-sdk/client-s3") as typeof S3;
  } finally {
    hooks.deregister();
  }
}

function tested(api: HttpIntegration, more: { readonly maxAttempts?: number } = {}): TestedClient {
  const s3 = new S3Client({
    ...smithyOptions(api),
    endpoint: api.baseUrl,
    forcePathStyle: true,
    region: "us-east-1",
    credentials: { accessKeyId: "a", secretAccessKey: "b" },
    ...more,
  });
  const object = { Bucket: "bucket", Key: "dir/key" };
  return {
    read: async (signal) => {
      const { Body } = await s3.send(new GetObjectCommand(object), {
        ...(signal && { abortSignal: signal }),
      });
      return await Body?.transformToString();
    },
    write: (signal) =>
      s3.send(new PutObjectCommand({ ...object, Body: "content" }), {
        ...(signal && { abortSignal: signal }),
      }),
  };
}

clientSuite("the S3 client", {
  make: (api) => tested(api),
  makeRetrying: (api) => tested(api, { maxAttempts: 3 }),
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
});
