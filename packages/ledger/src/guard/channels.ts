import { subscribe, unsubscribe } from "node:diagnostics_channel";
import type { Judge } from "./judge.ts";
import type { OutboundCall } from "./options.ts";
import { peerOf } from "./peer.ts";
import { capturePlace } from "./place.ts";
import { openTransaction, wasAsked } from "./transaction-scope.ts";

/**
 * Notices what Node itself sees leave: `fetch` and undici, `node:http` and `node:https`, `node:http2`, new sockets.
 *
 * A listener that throws stops nothing, so it stops by the means of what leaves where that has some.
 *
 * @returns a function that stops listening.
 */
export function listenToChannels(judge: Judge, sockets: boolean): () => void {
  const listeners: readonly (readonly [name: string, listener: (message: unknown) => void])[] = [
    ["undici:request:create", (message) => onUndici(judge, message as UndiciMessage)],
    ["http.client.request.created", (message) => onRequest(judge, message as RequestMessage)],
    ["http2.client.stream.created", (message) => onStream(judge, message as StreamMessage)],
    ...(sockets
      ? [["net.client.socket", (message: unknown) => onSocket(judge, message as SocketMessage)] as const]
      : []),
  ];
  for (const [name, listener] of listeners) subscribe(name, listener);
  return () => {
    for (const [name, listener] of listeners) unsubscribe(name, listener);
  };
}

interface UndiciMessage {
  readonly request: { readonly origin?: unknown; readonly method?: string };
}

/** It has no way to be stopped from here: that takes the guard's `fetch` or its interceptor. */
function onUndici(judge: Judge, { request: { origin, method } }: UndiciMessage): void {
  if (openTransaction() === undefined) return;
  judge.ask(httpCall("http", peerOf(String(origin)), method), "onlyNoticed", () => capturePlace(onUndici));
}

interface RequestMessage {
  readonly request: {
    readonly method?: string;
    readonly protocol?: string;
    getHeader(name: string): unknown;
    destroy(error: Error): unknown;
  };
}

function onRequest(judge: Judge, { request }: RequestMessage): void {
  if (openTransaction() === undefined) return;
  const peer = peerOf(`${request.protocol ?? "http:"}//${String(request.getHeader("host"))}`);
  const failure = judge.ask(httpCall("http", peer, request.method), "canPrevent", () =>
    capturePlace(onRequest),
  );
  if (failure !== undefined) request.destroy(failure);
}

interface StreamMessage {
  readonly stream: { destroy(error: Error): unknown };
  readonly headers: Readonly<Record<string, unknown>> | readonly unknown[] | undefined;
}

function onStream(judge: Judge, { stream, headers }: StreamMessage): void {
  if (openTransaction() === undefined) return;
  const [authority, method, scheme] = [":authority", ":method", ":scheme"].map((name) =>
    headerOf(headers, name),
  );
  const peer = peerOf(`${scheme ?? "https"}://${authority ?? ""}`);
  const failure = judge.ask(httpCall("http2", peer, method), "canPrevent", () => capturePlace(onStream));
  if (failure !== undefined) stream.destroy(failure);
}

function headerOf(headers: StreamMessage["headers"], name: string): string | undefined {
  if (headers === undefined) return undefined;
  // A raw list: name, value, name, value.
  const value = Array.isArray(headers) ? headers[headers.indexOf(name) + 1] : Reflect.get(headers, name);
  return typeof value === "string" ? value : undefined;
}

interface SocketMessage {
  readonly socket: {
    once(
      event: "lookup",
      listener: (error: unknown, address: string, family: number, host: string) => void,
    ): unknown;
    once(event: "connectionAttempt", listener: (address: string, port: number) => void): unknown;
    destroy(error: Error): unknown;
  };
}

/** Where it goes is known later; who wanted it, only now. */
function onSocket(judge: Judge, { socket }: SocketMessage): void {
  const transaction = openTransaction();
  if (transaction === undefined || wasAsked()) return;
  const place = capturePlace(onSocket);
  let host: string | undefined;
  socket.once("lookup", (_error, _address, _family, name) => {
    host = name;
  });
  socket.once("connectionAttempt", (address, port) => {
    const call: OutboundCall = {
      kind: "socket",
      peer: peerOf(`tcp://${bracketed(host ?? address)}:${port}`),
    };
    const failure = judge.about(call, transaction, place, "canPrevent");
    // Not from within the attempt, which goes on after its listeners. Nothing can have been written by then.
    if (failure !== undefined) process.nextTick(() => socket.destroy(failure));
  });
}

function bracketed(host: string): string {
  return host.includes(":") ? `[${host}]` : host;
}

function httpCall(kind: "http" | "http2", peer: string, method: string | undefined): OutboundCall {
  return { kind, peer, ...(method !== undefined && { method }) };
}
