import { type Fetch, fetchOf } from "./fetch.ts";
import type { Door } from "./shared/door.ts";

export interface KyOptions {
  readonly prefix: string;
  readonly fetch: Fetch;
  readonly retry: 0;
  readonly timeout: false;
  readonly hooks: { readonly beforeRetry: [(state: { readonly error: Error }) => never] };
}

/**
 * Options for `ky.create`, by which ky (2 and later) calls an integration.
 *
 * Retries and timeouts are the integration's. ky's own would multiply its retries, and a timeout of ky's says nothing
 * about what the call has done; so retries are off, and a `retry` that is given later ends with the error that it
 * would have repeated.
 */
export function kyOptions(...integrations: readonly [Door, ...Door[]]): KyOptions {
  const fetch = fetchOf(...integrations);
  return {
    prefix: integrations[0].baseUrl,
    fetch,
    retry: 0,
    timeout: false,
    hooks: {
      beforeRetry: [
        ({ error }) => {
          throw error;
        },
      ],
    },
  };
}
