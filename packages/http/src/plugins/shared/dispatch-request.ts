import type { Dispatcher } from "undici";
import type { ClientRequest } from "./exchange.ts";

/** What undici's functions and `fetch` hand to a dispatcher, as a request. */
export function dispatchedRequest(options: Dispatcher.DispatchOptions): ClientRequest {
  const { method, headers, body } = options;
  // undici takes what an integration takes as a body; its types are narrower.
  const content = (body ?? undefined) as ClientRequest["body"];
  return { method, url: dispatchedUrl(options), headers: pairsOf(headers), body: content };
}

export function dispatchedUrl({ origin, path, query }: Dispatcher.DispatchOptions): string {
  const from = origin instanceof URL ? origin.origin : (origin ?? "").replace(/\/$/, "");
  if (query === undefined || query === null) return `${from}${path}`;
  const search = new URLSearchParams();
  for (const [name, value] of Object.entries(query)) {
    for (const each of [value].flat()) search.append(name, String(each ?? ""));
  }
  return `${from}${path}${path.includes("?") ? "&" : "?"}${search}`;
}

/** undici takes an object, pairs, or names and values in turn. */
function pairsOf(headers: Dispatcher.DispatchOptions["headers"]): [string, string][] {
  if (headers === undefined || headers === null) return [];
  const pairs: [string, string][] = [];
  const add = (name: string, value: unknown): void => {
    if (value !== undefined && value !== null)
      for (const each of [value].flat()) pairs.push([name, String(each)]);
  };
  if (Array.isArray(headers) && !Array.isArray(headers[0])) {
    for (let at = 0; at + 1 < headers.length; at += 2) add(String(headers[at]), headers[at + 1]);
  } else if (Symbol.iterator in headers) {
    for (const [name, value] of headers as Iterable<[string, string]>) add(name, value);
  } else {
    for (const [name, value] of Object.entries(headers)) add(name, value);
  }
  return pairs;
}
