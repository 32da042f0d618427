import { execFile } from "node:child_process";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { expect, test } from "vitest";
import { servesAxios, servesItsHttpAdapter } from "./axios.ts";
import { retriesAndTellsTheEffect, servesTypedClients } from "./fetch.ts";
import { servesKy } from "./ky.ts";
import { servesGot, servesNodeHttp } from "./node-http.ts";
import { servesOpenAi } from "./openai.ts";
import { servesStripe } from "./stripe.ts";
import { servesCodeThatKnowsNothingOfIt, servesUndici } from "./undici.ts";

test("fetch retries where that is safe, and tells the effect", retriesAndTellsTheEffect);
test("openapi-fetch takes it as its fetch", servesTypedClients);
test("undici.request takes a dispatcher", servesUndici);
test("installed globally, code that knows nothing of it is served", servesCodeThatKnowsNothingOfIt);
test("axios takes its options", servesAxios);
test("axios's http adapter takes an agent", servesItsHttpAdapter);
test("node:http takes an agent", servesNodeHttp);
test("got takes its options", servesGot);
test("ky takes its options, and repeats nothing itself", servesKy);
test("the OpenAI SDK takes its options", servesOpenAi);
test("the Stripe SDK takes its fetch", servesStripe);

// In a process of its own, because the test runner asks for the SDK's modules as bundlers do.
test("the S3 client takes its options", async () => {
  const file = fileURLToPath(new URL("aws-sdk.ts", import.meta.url));
  const { stdout } = await promisify(execFile)(process.execPath, ["--conditions=@outrigger/source", file]);
  expect(stdout).toBe("stored\n");
});
