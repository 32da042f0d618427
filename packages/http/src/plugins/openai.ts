import { type Fetch, fetchOf } from "./fetch.ts";
import type { Door } from "./shared/door.ts";

export interface OpenAiOptions {
  readonly baseURL: string;
  readonly fetch: Fetch;
  readonly maxRetries: 0;
}

/**
 * Options for `new OpenAI`, and for the other SDKs of its kind (Anthropic, Cloudflare), by which they call an
 * integration.
 *
 * The SDK's own retries are off. Where a call turns them on again, the integration's answers tell the SDK not to
 * repeat, and a repeat after a failure without an answer is refused before it is sent (`CLIENT_RETRIES`).
 */
export function openaiOptions(...integrations: readonly [Door, ...Door[]]): OpenAiOptions {
  const fetch = fetchOf(...integrations);
  return {
    baseURL: integrations[0].baseUrl,
    maxRetries: 0,
    fetch: async (input, init) => {
      const response = await fetch(input, init);
      if (!response.ok) response.headers.set("x-should-retry", "false");
      return response;
    },
  };
}
