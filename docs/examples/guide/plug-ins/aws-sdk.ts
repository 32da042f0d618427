import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer } from "node:http";
import { GetObjectCommand, PutObjectCommand, S3Client } from "@aws-sdk/client-s3";
import { fixed } from "@outrigger/core";
import { effectOf, httpIntegration } from "@outrigger/http";
import { smithyOptions } from "@outrigger/http/smithy";

const statuses = [503, 200, 404];
let requests = 0;
const server = createServer(async (request, response) => {
  for await (const _chunk of request);
  response.writeHead(statuses[requests] ?? 500).end();
  requests += 1;
});
server.listen(0, "127.0.0.1");
await once(server, "listening");
const address = server.address();
const url = typeof address === "object" ? `http://127.0.0.1:${address?.port}` : "";
const credentials = { accessKeyId: "key", secretAccessKey: "secret" };

// #region usage
const storage = httpIntegration({
  name: "s3",
  baseUrl: url, // "https://s3.ap-northeast-2.amazonaws.com"
  retry: { maxRetries: 2, backoff: fixed("1ms") },
});
const s3 = new S3Client({
  ...smithyOptions(storage),
  endpoint: storage.baseUrl,
  forcePathStyle: true, // a bucket's own host name would be another host
  region: "ap-northeast-2",
  credentials,
});

await s3.send(new PutObjectCommand({ Bucket: "receipts", Key: "7", Body: "paid" }));
assert.equal(requests, 2); // the first was answered 503

const missing = await s3.send(new GetObjectCommand({ Bucket: "receipts", Key: "8" })).catch((error) => error);
assert.deepEqual([missing.$metadata.httpStatusCode, effectOf(missing)], [404, "none"]);
// #endregion

await storage.close();
server.close();
console.log("stored");
