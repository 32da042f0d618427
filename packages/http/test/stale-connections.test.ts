import { describe, expect, onTestFinished, test } from "vitest";
import type { HttpFailure } from "../src/index.ts";
import { startClosingServer } from "./support/closing-server.ts";
import { failureOf, integrate, lane, type OperationName, send, sleep } from "./support/harness.ts";

function count(ids: readonly string[]): Map<string, number> {
  const counts = new Map<string, number>();
  for (const id of ids) counts.set(id, (counts.get(id) ?? 0) + 1);
  return counts;
}

describe.each(["fin", "rst"] as const)(
  "a server that ends idle connections (%s) while our event loop is held",
  (fault) => {
    test.each(["read", "keyed", "plain"] as const)(
      "costs no %s request, and sends none twice",
      async (operation) => {
        // Long, so that the connections have rested for long when they are used again.
        const server = await startClosingServer(fault, 300);
        onTestFinished(server.stop);
        const expected: string[] = [];

        for (let round = 0; round < 3; round += 1) {
          const { api } = integrate(server.url, { pool: { connections: 4 } });
          const ids = Array.from({ length: 4 }, (_, index) => `${round}-${index}`);
          expected.push(...ids.map((id) => `warm-${id}`), ...ids);
          await Promise.all(ids.map((id) => send(api, operation, { id: `warm-${id}` })));
          // The close has arrived, and is still unread when the next burst is dispatched.
          server.blockUntilAllEnded();
          await Promise.all(ids.map((id) => send(api, operation, { id })));
          expect(api.snapshot().pool).toMatchObject({ inUse: 0, waiting: 0, opened: 8 });
        }

        expect((await server.received()).toSorted()).toEqual(expected.toSorted());
      },
      20_000,
    );
  },
);

describe.each(["fin", "rst"] as const)(
  "a server that closes (%s) just as the next request is sent",
  (fault) => {
    test.each(["read", "keyed", "plain"] as const)(
      "%s requests: none that may be repeated fails, none that may not arrives twice",
      async (operation: OperationName) => {
        const idleMs = 4;
        const server = await startClosingServer(fault, idleMs);
        onTestFinished(server.stop);
        const { api } = integrate(server.url, { pool: { connections: 1 } });
        const failures: HttpFailure[] = [];
        const succeeded: string[] = [];

        for (let nth = 0; nth < 150; nth += 1) {
          const id = String(nth);
          await send(api, operation, { id }).then(
            () => succeeded.push(id),
            (failure: HttpFailure) => failures.push(failure),
          );
          await sleep(idleMs - 1 + (nth % 3));
        }

        const received = count(await server.received());
        for (const id of succeeded) expect(received.get(id)).toBeGreaterThanOrEqual(1);
        if (operation === "plain") expect(Math.max(...received.values())).toBe(1);
        else expect(failures).toEqual([]);
        for (const failure of failures) {
          expect(failure).toMatchObject({
            code: "CONNECTION_LOST",
            effect: "unknown",
            reused: true,
            written: true,
          });
        }
      },
      20_000,
    );
  },
);

test("a call that is aborted while its connection is looked at for a close is not sent", async () => {
  const { api, server } = await lane((_request, peer) => peer.reply(200), { pool: { connections: 1 } });
  await send(api, "plain", { id: "first" });
  const controller = new AbortController();
  const call = failureOf(send(api, "plain", { id: "second", signal: controller.signal }));
  controller.abort();
  expect(await call).toMatchObject({ code: "CALL_ABORTED", effect: "none", written: false });
  await send(api, "plain", { id: "third" });
  expect(server.received.map(({ body }) => body)).toEqual(['{"id":"first"}', '{"id":"third"}']);
  expect(server.connections).toBe(1);
});
