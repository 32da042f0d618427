import { CallContext } from "@outrigger/core";
import { VirtualClock } from "@outrigger/lab";
import type { Dispatcher } from "undici";
import { expect, test } from "vitest";
import { Exchange } from "./exchange.ts";

test("a client that would write a request a second time by itself is stopped before it does", () => {
  let handler: Dispatcher.DispatchHandler | undefined;
  let counted = 0;
  const connection = {
    open: true,
    served: 1,
    socket: undefined,
    countRequest: () => {
      counted += 1;
    },
    dispatch: (_options: unknown, given: Dispatcher.DispatchHandler) => {
      handler = given;
    },
  };
  const request = { method: "POST", contract: { readOnly: false }, progress: {}, readMs: 100 };
  const context = new CallContext({ clock: new VirtualClock() });
  const exchange = new Exchange(request as never, { connection } as never, context, {} as never);
  exchange.start();
  const start = (): void => handler?.onRequestStart?.({} as never, undefined);

  start();
  expect(exchange).toMatchObject({ written: true, reused: true });
  expect(start).toThrow("the request had been written already");
  expect(counted).toBe(1);
});
