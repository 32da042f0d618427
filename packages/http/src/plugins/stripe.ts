import { type Fetch, fetchOf } from "./fetch.ts";
import type { Door } from "./shared/door.ts";

/**
 * A `fetch` for `Stripe.createFetchHttpClient`, by which the Stripe SDK calls an integration.
 *
 * The SDK repeats every call that fails without an answer, and most with status 409 or 5xx, whatever the
 * integration has tried before. It cannot here: every answer says `stripe-should-retry: false`, and a failure comes as
 * an answer whose body cannot be read, which the SDK does not repeat. It reports that as a `StripeConnectionError`;
 * `effectOf(error)` finds the failure inside.
 *
 * @param integrations - One for `https://api.stripe.com`; more for the hosts of files and of Connect.
 */
export function stripeFetch(...integrations: readonly [Door, ...Door[]]): Fetch {
  const fetch = fetchOf(...integrations);
  return async (input, init) => {
    const response = await fetch(input, init).catch(unreadable);
    response.headers.set("stripe-should-retry", "false");
    return response;
  };
}

/** Its status is nobody's: the SDK reads the body of an error before it looks at anything else. */
function unreadable(error: unknown): Response {
  const body = new ReadableStream({ pull: (controller) => controller.error(error) }, { highWaterMark: 0 });
  return new Response(body, { status: 599 });
}
