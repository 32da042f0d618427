import type { Agent } from "node:http";
import type { Agent as HttpsAgent } from "node:https";
import { agentOf } from "./node-http.ts";
import type { Door } from "./shared/door.ts";

export interface GotOptions {
  readonly agent: { readonly http: Agent; readonly https: HttpsAgent };
  readonly retry: { readonly limit: 0; readonly calculateDelay: () => 0 };
  readonly followRedirect: false;
  readonly http2: false;
}

/**
 * Options for `got.extend`, by which got calls an integration, through {@link agentOf}.
 *
 * Retries are the integration's: got's are off, and stay off when a call sets a `limit`, because the delay before each
 * is computed as "none at all". Redirects are not followed. Leave got's `timeout` unset, as it is by default: a
 * timeout of got's says nothing about what the call has done.
 */
export function gotOptions(...integrations: readonly [Door, ...Door[]]): GotOptions {
  const agent = agentOf(...integrations);
  return {
    agent: { http: agent, https: agent },
    retry: { limit: 0, calculateDelay: () => 0 },
    followRedirect: false,
    // With it got would pass the agent by.
    http2: false,
  };
}
