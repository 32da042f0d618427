import { Readable } from "node:stream";
import { describe, expect, test } from "vitest";
import type { HttpIntegration } from "../../src/index.ts";
import { effectOf, failureOf } from "../../src/plugins/effect-of.ts";
import { lane, rejection } from "./lane.ts";
import type { Answer } from "./provider.ts";

export interface StreamingTraits {
  /** A GET whose answer is read as it comes. */
  readonly open: (api: HttpIntegration, signal?: AbortSignal) => Promise<AsyncIterable<unknown>>;
  /** As the provider sends them, one by one; each makes at least one item. */
  readonly chunks: readonly [string, string];
  readonly contentType: string;
  /** The client does not hand on that its reader has stopped. */
  readonly stops?: "never";
}

/** What holds for answers that are read as they come. */
export function streamingSuite(name: string, { open, chunks, contentType, stops }: StreamingTraits): void {
  const [first, second] = chunks;

  describe(`${name}, streaming`, () => {
    test("an answer is read while it is still being sent", async () => {
      const { provider, api } = await lane();
      const seen = Promise.withResolvers<void>();
      provider.answer(async (response) => {
        response.writeHead(200, { "content-type": contentType });
        response.write(first);
        await seen.promise;
        response.end(second);
      });
      let items = 0;
      for await (const _item of await open(api)) {
        items += 1;
        seen.resolve();
      }
      expect(items).toBeGreaterThanOrEqual(2);
      expect(provider.arrived).toHaveLength(1);
      await expect.poll(() => api.snapshot().pool.inUse).toBe(0);
    });

    test("an answer that breaks in its middle ends in an error with the effect, and is not sent again", async () => {
      const { provider, api } = await lane();
      provider.answer((response) => {
        response.writeHead(200, { "content-type": contentType });
        response.write(first, () => response.socket?.resetAndDestroy());
      });
      const error = await rejection(consume(open(api)));
      expect(failureOf(error)).toMatchObject({ code: "CONNECTION_LOST", effect: "none" });
      expect(provider.arrived).toHaveLength(1);
    });

    test("an error status of a streamed call is read whole and retried like any other", async () => {
      const { provider, api } = await lane();
      provider.answer((response) => {
        response.writeHead(503, { "content-type": "text/plain" });
        response.end("no");
      });
      const error = await rejection(consume(open(api)));
      expect([effectOf(error), provider.arrived.length]).toEqual(["none", 3]);
    });

    test.each([
      ["is aborted", true],
      ["stops reading", false],
    ])("a reader that %s in the middle lets go of the connection", async (_what, aborts) => {
      if (!aborts && stops === "never") return;
      const { provider, api } = await lane();
      provider.answer((response) => {
        response.writeHead(200, { "content-type": contentType });
        response.write(first);
      });
      const controller = new AbortController();
      const stream = await open(api, controller.signal);
      const reading = (async () => {
        for await (const _item of stream) {
          if (aborts) controller.abort();
          else break;
        }
      })();
      await reading.catch(() => {});
      await expect.poll(() => provider.abandoned).toBe(1);
      await expect.poll(() => api.snapshot().pool.inUse).toBe(0);
    });
  });
}

async function consume(stream: Promise<AsyncIterable<unknown>>): Promise<void> {
  for await (const _item of await stream);
}

/** What holds for requests whose body is a stream. */
export function uploadSuite(
  name: string,
  ok: Answer,
  failing: Answer,
  upload: (api: HttpIntegration, content: Readable) => Promise<unknown>,
): void {
  const kilobytes = (count: number): Readable =>
    Readable.from(Array.from({ length: count }, (_, nth) => Buffer.alloc(1_024, nth)));

  describe(`${name}, uploading`, () => {
    test("a stream arrives whole", async () => {
      const { provider, api } = await lane();
      provider.answer(ok);
      await upload(api, kilobytes(300));
      expect(provider.arrived).toHaveLength(1);
      expect(provider.arrived.map(({ body }) => body.includes(Buffer.alloc(1_024, 255)))).toEqual([true]);
      expect(provider.arrived[0]?.body.byteLength).toBeGreaterThanOrEqual(300 * 1_024);
    });

    test("a small one is sent again, the same bytes under the same key", async () => {
      const { provider, api } = await lane();
      provider.answer(failing, failing, ok);
      await upload(api, kilobytes(10));
      expect(provider.arrived).toHaveLength(3);
      expect(new Set(provider.arrived.map(({ body }) => body.toString("latin1"))).size).toBe(1);
      expect(new Set(provider.arrived.map(({ headers }) => headers["idempotency-key"])).size).toBe(1);
    });

    test("one that is too large to keep is sent once, and the failure stays the first one's", async () => {
      const { provider, api } = await lane();
      provider.answer(failing, ok);
      const error = await rejection(upload(api, kilobytes(300)));
      expect([effectOf(error), provider.arrived.length]).toEqual(["unknown", 1]);
    });
  });
}
