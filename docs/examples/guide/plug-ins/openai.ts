import { fixed } from "@outrigger/core";
import { effectOf, httpIntegration } from "@outrigger/http";
import { openaiOptions } from "@outrigger/http/openai";
import OpenAI, { APIConnectionError } from "openai";
import { expect, onTestFinished } from "vitest";
import { startService } from "./service.ts";

export async function servesOpenAi(): Promise<void> {
  const service = await startService(503, 200, "reset");
  // #region usage
  const models = httpIntegration({
    name: "openai",
    baseUrl: service.url, // "https://api.openai.com/v1"
    timeout: { read: "5m", total: "10m" }, // a long answer that is not streamed begins late
    retry: { maxRetries: 2, backoff: fixed("1ms") },
  });
  const client = new OpenAI({ apiKey: "sk-example", ...openaiOptions(models) });

  const model = await client.models.retrieve("gpt");
  expect(model.id).toBe("7");

  const input = { model: "gpt", input: "hello" };
  const lost = await client.responses.create(input, { maxRetries: 2 }).catch((error: unknown) => error);
  expect(lost).toBeInstanceOf(APIConnectionError);
  expect(effectOf(lost)).toBe("unknown"); // tokens may have been spent
  expect(service.requests).toHaveLength(3); // the SDK's two retries were refused before they were sent
  // #endregion
  onTestFinished(() => models.close());
}
