import { type Fetch, fetchOf } from "./fetch.ts";
import type { Door } from "./shared/door.ts";

export interface AxiosOptions {
  readonly baseURL: string;
  readonly adapter: "fetch";
  readonly env: { readonly fetch: Fetch };
}

/**
 * Options for `axios.create`, by which axios (1.12 and later) calls an integration.
 *
 * They choose axios's own `fetch` adapter, which does what axios adds (parameters, forms, progress, `validateStatus`),
 * and give it the integration's `fetch`. With `responseType: "stream"` this adapter gives a web stream; where a
 * Node stream is wanted, give `agentOf(integration)` to axios's `http` adapter instead.
 */
export function axiosOptions(...integrations: readonly [Door, ...Door[]]): AxiosOptions {
  const fetch = fetchOf(...integrations);
  return { baseURL: integrations[0].baseUrl, adapter: "fetch", env: { fetch } };
}
