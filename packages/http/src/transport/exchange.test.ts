import { CallContext } from "@outrigger/core";
import { VirtualClock } from "@outrigger/lab";
import type { Dispatcher } from "undici";
import { expect, test } from "vitest";
import { Exchange } from "./exchange.ts";

function begun(connectionFacts: object): {
  exchange: Exchange;
  handler: Dispatcher.DispatchHandler;
  sentAgain: () => number;
} {
  let handler: Dispatcher.DispatchHandler = {};
  let again = 0;
  const connection = {
    open: true,
    served: 1,
    socket: undefined,
    isShared: false,
    countRequest: () => {},
    dispatch: (_options: unknown, given: Dispatcher.DispatchHandler) => {
      handler = given;
    },
    ...connectionFacts,
  };
  const owner = {
    ended: () => {},
    sentAgain: () => {
      again += 1;
    },
  };
  const request = { method: "POST", contract: { readOnly: false }, progress: {}, readMs: 100 };
  const context = new CallContext({ clock: new VirtualClock() });
  const exchange = new Exchange(request as never, { connection } as never, context, owner as never);
  exchange.start();
  handler.onRequestStart?.({} as never, undefined);
  return { exchange, handler, sentAgain: () => again };
}

test("a client that would write a request a second time by itself is stopped before it does", () => {
  const { exchange, handler } = begun({});
  expect(exchange).toMatchObject({ written: true, reused: true });
  expect(() => handler.onRequestStart?.({} as never, undefined)).toThrow(
    "the request had been written already",
  );
});

test("over HTTP/2 the client writes again what was refused, but not what was answered", () => {
  const { handler, sentAgain } = begun({ isShared: true });
  handler.onRequestStart?.({} as never, undefined);
  expect(sentAgain()).toBe(1);
  handler.onResponseStarted?.();
  expect(() => handler.onRequestStart?.({} as never, undefined)).toThrow(
    "the request had been written already",
  );
});

const goaway = new Error('HTTP/2: "GOAWAY" frame received with code 0');
const streamError = (code: number): Error =>
  Object.assign(new Error("Stream closed"), { http2ErrorCode: code });

test.each([
  ["REFUSED_STREAM", streamError(7), true, false, true],
  ["INTERNAL_ERROR", streamError(2), true, false, false],
  ["a GOAWAY below it", goaway, true, false, true],
  ["a GOAWAY after its answer had begun", goaway, true, true, false],
  ["the same words over HTTP/1.1", goaway, false, false, false],
])("a stream that ended with %s: refused unprocessed or not", (_name, error, isShared, answered, refused) => {
  const { exchange, handler } = begun({ isShared });
  if (answered) handler.onResponseStarted?.();
  handler.onResponseError?.({} as never, error);
  expect(exchange.refused).toBe(refused);
});
