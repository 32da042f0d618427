import { type ExternalCallWatch, watchExternalCalls } from "@outrigger/core";
import type { Judge } from "./judge.ts";
import { peerOf } from "./peer.ts";
import { capturePlace } from "./place.ts";
import { asked, openTransaction } from "./transaction-scope.ts";

/** Any `fetch`. */
export type FetchLike = (input: never, init?: never) => Promise<unknown>;

/** `dispatch` of undici, by shape. */
export type Dispatch<Options extends DispatchOptions, Handler> = (
  options: Options,
  handler: Handler,
) => boolean;

export interface DispatchOptions {
  readonly origin?: string | URL | undefined;
  readonly method?: string;
}

/** Integrations of `@outrigger/http` ask before a call leaves, in the caller's own context. */
export function watchIntegrations(judge: Judge): () => void {
  const watch: ExternalCallWatch = (call, work) => {
    if (openTransaction() === undefined) return work();
    const failure = judge.ask({ kind: "integration", ...call }, "canPrevent", () => capturePlace(watch));
    if (failure !== undefined) throw failure;
    return asked(work);
  };
  return watchExternalCalls(watch);
}

/** The same `fetch`, which fails instead of leaving. */
export function guardedFetch<F extends FetchLike>(judge: Judge, fetch: F): F {
  const checked = (input: unknown, init?: { readonly method?: unknown }): Promise<unknown> => {
    const send = (): Promise<unknown> => fetch(input as never, init as never);
    if (openTransaction() === undefined) return send();
    const request =
      typeof input === "object" && input !== null ? (input as { url?: unknown; method?: unknown }) : {};
    const method = String(init?.method ?? request.method ?? "GET").toUpperCase();
    const call = { kind: "http", peer: peerOf(String(request.url ?? input)), method } as const;
    const failure = judge.ask(call, "canPrevent", () => capturePlace(checked));
    return failure === undefined ? asked(send) : Promise.reject(failure);
  };
  return checked as unknown as F;
}

/** For `dispatcher.compose(...)` of undici: its requests fail instead of leaving. */
export function guardedDispatch<Options extends DispatchOptions, Handler>(
  judge: Judge,
  dispatch: Dispatch<Options, Handler>,
): Dispatch<Options, Handler> {
  const checked: Dispatch<Options, Handler> = (options, handler) => {
    if (openTransaction() === undefined) return dispatch(options, handler);
    const { method = "GET", origin } = options;
    const call = { kind: "http", peer: peerOf(String(origin)), method } as const;
    const failure = judge.ask(call, "canPrevent", () => capturePlace(checked));
    // Whoever sends turns what is thrown here into the failure of the request.
    if (failure !== undefined) throw failure;
    return asked(() => dispatch(options, handler));
  };
  return checked;
}
