import type { Readable } from "node:stream";
import { describe, expect, test } from "vitest";
import type { HttpIntegration } from "../../src/index.ts";
import { effectOf, failureOf } from "../../src/plugins/effect-of.ts";
import { lane, rejection, withOpenBreaker } from "./lane.ts";
import { type Answer, json, reset, silent, stalled } from "./provider.ts";
import { type StreamingTraits, streamingSuite, uploadSuite } from "./suite-streams.ts";

/** One client, as the suite calls it. */
export interface TestedClient {
  /** A GET that the integration may repeat; resolves with the parsed answer. */
  read(signal?: AbortSignal): Promise<unknown>;
  /** A write that may be repeated, by its key or its nature. */
  write(signal?: AbortSignal): Promise<unknown>;
}

export interface ClientTraits {
  /** The client as its page says to make it. */
  readonly make: (api: HttpIntegration) => TestedClient;
  /** The client with its own retries turned on again, as far as it lets; they must not multiply ours. */
  readonly makeRetrying?: (api: HttpIntegration) => TestedClient;
  /** What `makeRetrying` ends with: nothing was sent at all, or no more than the integration's own attempts. */
  readonly retryingSends?: 0 | 3;
  /** An answer that the client takes for a success, and what it makes of it. */
  readonly ok: { readonly answer: Answer; readonly value: unknown };
  /** An answer with an error status, in the provider's format. */
  readonly failing: (status: number) => Answer;
  /** Where the client's error has the status. */
  readonly statusOf: (error: unknown) => unknown;
  /** Of the client's error for a call that got no answer; by name or constructor. */
  readonly isOwnError: (error: unknown) => boolean;
  /** Of an abort. Undefined when the client takes no signal. */
  readonly isAbort?: (error: unknown) => boolean;
  /** Whether the write carries an idempotency key. */
  readonly keyed: boolean;
  readonly streaming?: StreamingTraits;
  /** Sends a stream, of which the client knows nothing but how to read it once. */
  readonly upload?: (api: HttpIntegration, content: Readable) => Promise<unknown>;
}

/** What holds for every client that an integration is plugged into. */
export function clientSuite(name: string, traits: ClientTraits): void {
  const { make, ok, failing, statusOf, isOwnError } = traits;

  describe(name, () => {
    test("reads and writes, each with one request on the wire", async () => {
      const { provider, api } = await lane();
      provider.answer(ok.answer);
      const client = make(api);
      expect(await client.read()).toEqual(ok.value);
      await client.write();
      expect(provider.arrived.map(({ method }) => method)).toEqual(["GET", expect.stringMatching(/^P/)]);
    });

    test("has its own error for an error status, and the effect with it", async () => {
      const { provider, api } = await lane();
      provider.answer(failing(402));
      const error = await rejection(make(api).write());
      expect([statusOf(error), effectOf(error)]).toEqual([402, "none"]);
      provider.answer(failing(400));
      const open = await rejection(make(api).write());
      expect([statusOf(open), effectOf(open)]).toEqual([400, "unknown"]);
      expect(provider.arrived).toHaveLength(2);
    });

    test("succeeds when the third attempt does, which is the third request on the wire", async () => {
      const { provider, api } = await lane();
      provider.answer(failing(503), failing(503), ok.answer);
      await make(api).write();
      expect(provider.arrived).toHaveLength(3);
      const keys = new Set(provider.arrived.map(({ headers }) => headers["idempotency-key"]));
      expect([keys.size, [...keys][0] !== undefined]).toEqual([1, traits.keyed]);
      expect(new Set(provider.arrived.map(({ body }) => body.toString("latin1"))).size).toBe(1);
    });

    test("each logical call has a key of its own", async () => {
      const { provider, api } = await lane();
      provider.answer(ok.answer);
      const client = make(api);
      await client.write();
      await client.write();
      const keys = new Set(provider.arrived.map(({ headers }) => headers["idempotency-key"]));
      expect(keys.size).toBe(traits.keyed ? 2 : 1);
    });

    test.each(["read", "write"] as const)("a %s that gets 503 for ever is sent three times", async (call) => {
      const { provider, api } = await lane();
      provider.answer(failing(503));
      const error = await rejection(make(api)[call]());
      expect(provider.arrived).toHaveLength(3);
      expect([statusOf(error), effectOf(error)]).toEqual([503, call === "read" ? "none" : "unknown"]);
    });

    test.each(["read", "write"] as const)("a %s that is reset for ever is sent three times", async (call) => {
      const { provider, api } = await lane();
      provider.answer(reset);
      const error = await rejection(make(api)[call]());
      expect(provider.arrived).toHaveLength(3);
      expect(isOwnError(error)).toBe(true);
      expect(failureOf(error)).toMatchObject({ code: "CONNECTION_LOST" });
      expect(effectOf(error)).toBe(call === "read" ? "none" : "unknown");
    });

    if (traits.makeRetrying !== undefined) {
      const { makeRetrying, retryingSends = 3 } = traits;
      test.each([
        ["gets 503", failing(503)],
        ["is reset", reset],
      ] as const)("its own retries, turned on, do not multiply ours when it %s", async (_what, answer) => {
        for (const call of ["read", "write"] as const) {
          const { provider, api } = await lane();
          provider.answer(answer);
          const error = await rejection(makeRetrying(api)[call]());
          expect([call, provider.arrived.length]).toEqual([call, retryingSends]);
          if (retryingSends === 0) expect(effectOf(error)).toBe("none");
          else expect([call, effectOf(error)]).toEqual([call, call === "read" ? "none" : "unknown"]);
          // Not the refusal of a repeat: the answer that came.
          if (answer !== reset && retryingSends === 3) expect(statusOf(error)).toBe(503);
        }
      });
    }

    test.each([
      ["no answer comes", silent],
      ["an answer stops in its middle", stalled],
    ])("when %s, it ends at the integration's timeout, with the effect", async (_what, answer) => {
      const { provider, api } = await lane({ timeout: { read: "100ms" }, retry: false });
      provider.answer(answer);
      const error = await rejection(make(api).write());
      expect(isOwnError(error)).toBe(true);
      expect(failureOf(error)).toMatchObject({ code: "READ_TIMEOUT" });
      expect([effectOf(error), provider.arrived.length]).toEqual(["unknown", 1]);
    });

    test("while the circuit is open nothing is sent, and the effect is none", async () => {
      const { provider, api } = await withOpenBreaker(ok.answer);
      for (const call of ["read", "write"] as const) {
        const error = await rejection(make(api)[call]());
        expect(failureOf(error)).toMatchObject({ code: "BREAKER_OPEN" });
        expect([call, effectOf(error), provider.arrived.length]).toEqual([call, "none", 0]);
      }
    });

    if (traits.isAbort !== undefined) {
      const { isAbort } = traits;
      test("an abort ends the call on the wire as well, and tells the effect", async () => {
        const { provider, api } = await lane();
        const arrived = Promise.withResolvers<void>();
        provider.answer(() => arrived.resolve());
        const controller = new AbortController();
        const call = rejection(make(api).write(controller.signal));
        await arrived.promise;
        controller.abort();
        const error = await call;
        expect(isAbort(error)).toBe(true);
        expect(effectOf(error)).toBe("unknown");
        await expect.poll(() => provider.abandoned).toBe(1);
        expect(provider.arrived).toHaveLength(1);
      });

      test("a signal that is aborted already sends nothing", async () => {
        const { provider, api } = await lane();
        provider.answer(ok.answer);
        const error = await rejection(make(api).write(AbortSignal.abort()));
        expect([isAbort(error), provider.arrived.length]).toEqual([true, 0]);
      });
    }

    if (traits.streaming !== undefined) streamingSuite(name, traits.streaming);
    if (traits.upload !== undefined) uploadSuite(name, ok.answer, failing(503), traits.upload);

    test("nothing is left behind: no socket, no running call", async () => {
      const { provider, api } = await lane();
      provider.answer(ok.answer);
      const client = make(api);
      await Promise.all([client.read(), client.write(), client.read()]);
      expect(api.snapshot().calls.running).toBe(0);
      expect(api.snapshot().pool).toMatchObject({ inUse: 0, waiting: 0 });
      await api.close();
      await expect.poll(() => provider.open).toBe(0);
    });
  });
}

export const jsonOk: ClientTraits["ok"] = { answer: json(200, { id: 7 }), value: { id: 7 } };
