import type { Socket } from "node:net";
import { VirtualClock } from "@outrigger/lab";
import { expect, test } from "vitest";
import { Connection } from "./connection.ts";

test("a connect timeout ends the socket that was being connected, at its time and not before", async () => {
  const clock = new VirtualClock();
  let destroyed = 0;
  const pending = {
    destroy: () => {
      destroyed += 1;
    },
  } as unknown as Socket;
  const failures: unknown[] = [];
  const connection = new Connection(
    {
      origin: "http://localhost:1",
      connector: { connect: () => pending, mayReuse: () => true, forward: undefined },
      connectMs: 200,
      keepAliveMs: 1_000,
      keepAliveMaxMs: 1_000,
      maxLifetimeMs: Number.POSITIVE_INFINITY,
      http2: false,
      clock,
      random: () => 0,
    },
    { opened: () => {}, closed: () => {}, failed: (_connection, error) => void failures.push(error) },
  );
  connection.dispatch(
    { method: "GET", path: "/" },
    {
      onRequestStart: () => {},
      onResponseStart: () => {},
      onResponseData: () => {},
      onResponseEnd: () => {},
      onResponseError: () => {},
    },
  );
  await new Promise((resolve) => setImmediate(resolve));

  await clock.advance(199);
  expect(destroyed).toBe(0);
  await clock.advance(1);
  expect(destroyed).toBe(1);
  expect(failures).toMatchObject([{ code: "UND_ERR_CONNECT_TIMEOUT" }]);
  expect(clock.pending).toBe(0);
  await connection.destroy(new Error("over"));
});
