import OpenAI, { APIConnectionError, APIError, APIUserAbortError } from "openai";
import type { HttpIntegration } from "../../src/index.ts";
import { openaiOptions } from "../../src/plugins/openai.ts";
import { json } from "./provider.ts";
import { clientSuite, type TestedClient } from "./suite.ts";

function tested(api: HttpIntegration, more: { readonly maxRetries?: number } = {}): TestedClient {
  const client = new OpenAI({ apiKey: "sk-x", ...openaiOptions(api), ...more });
  return {
    read: async (signal) => ({ ...(await client.models.retrieve("m", { ...(signal && { signal }) })) }),
    write: (signal) =>
      client.chat.completions.create(
        { model: "m", messages: [{ role: "user", content: "hi" }] },
        { ...(signal && { signal }) },
      ),
  };
}

clientSuite("OpenAI", {
  make: (api) => tested(api),
  makeRetrying: (api) => tested(api, { maxRetries: 2 }),
  ok: { answer: json(200, { id: "m" }), value: { id: "m" } },
  failing: (status) => json(status, { error: { message: "no" } }),
  statusOf: (error) => (error instanceof APIError ? error.status : undefined),
  isOwnError: (error) => error instanceof APIConnectionError,
  isAbort: (error) => error instanceof APIUserAbortError,
  keyed: true,
  streaming: {
    chunks: ['data: {"id":"1"}\n\n', 'data: {"id":"2"}\n\ndata: [DONE]\n\n'],
    contentType: "text/event-stream",
    open: async (api, signal) => {
      const client = new OpenAI({ apiKey: "sk-x", ...openaiOptions(api) });
      return await client.get<AsyncIterable<unknown>>("/events", {
        stream: true,
        ...(signal && { signal }),
      });
    },
  },
});
