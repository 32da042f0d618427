import { STATUS_CODES } from "node:http";
import { Dispatcher, Dispatcher1Wrapper } from "undici";
import { keepFailureOf } from "./effect-of.ts";
import { DispatchControl } from "./shared/dispatch-control.ts";
import { dispatchedRequest, dispatchedUrl } from "./shared/dispatch-request.ts";
import { assertDoors, type Door, doorFor } from "./shared/door.ts";
import { exchangeFor } from "./shared/exchange.ts";

/**
 * An undici `Dispatcher` that calls an integration: for `undici.request`, `undici.stream` and every `fetch` that takes
 * a `dispatcher`, Node's own among them.
 *
 * A call that fails without an answer rejects with the {@link HttpFailure}; `fetch` puts it behind a `TypeError`, as its
 * cause.
 */
export function dispatcherOf(...integrations: readonly [Door, ...Door[]]): Dispatcher {
  assertDoors("dispatcherOf", integrations);
  return new IntegrationDispatcher(integrations, undefined);
}

/** Where undici 8, and undici 7 and Node's own `fetch`, look for the dispatcher that a call does not name. */
const globals = [Symbol.for("undici.globalDispatcher.2"), Symbol.for("undici.globalDispatcher.1")] as const;

/**
 * Sends what `fetch` and undici's functions call below the integrations' base URLs through the integrations, in the
 * whole process and in code that knows nothing of it. Every other call goes where it went before.
 *
 * @returns a function that takes it back. What somebody else installed over it meanwhile stays, and passes on through
 * it to what was there before.
 */
export function installGlobal(...integrations: readonly [Door, ...Door[]]): () => void {
  assertDoors("installGlobal", integrations);
  const slots = globalThis as unknown as Record<symbol, Dispatcher | undefined>;
  const installed = globals.map((slot) => {
    const before = slots[slot];
    const dispatcher = new IntegrationDispatcher(integrations, before);
    slots[slot] = dispatcher;
    return { slot, before, dispatcher };
  });
  return () => {
    for (const { slot, before, dispatcher } of installed) {
      dispatcher.retire();
      if (slots[slot] === dispatcher) slots[slot] = before;
    }
  };
}

class IntegrationDispatcher extends Dispatcher {
  readonly #others: Dispatcher | undefined;
  #doors: readonly Door[];
  /** Takes the handlers of undici 8 and, as Node's own `fetch` has them, those of undici 7. */
  readonly #own: Dispatcher = new Dispatcher1Wrapper({
    dispatch: (options: Dispatcher.DispatchOptions, handler: Dispatcher.DispatchHandler) => {
      void answer(this.#doors, options, handler);
      return true;
    },
  } as Dispatcher);

  constructor(doors: readonly Door[], others: Dispatcher | undefined) {
    super();
    this.#doors = doors;
    this.#others = others;
  }

  /** From here on everything is passed on. */
  retire(): void {
    this.#doors = [];
  }

  override dispatch(options: Dispatcher.DispatchOptions, handler: Dispatcher.DispatchHandler): boolean {
    const passOn = this.#others !== undefined && doorFor(this.#doors, dispatchedUrl(options)) === undefined;
    return (passOn ? this.#others : this.#own).dispatch(options, handler);
  }

  /** Nothing to close: the integrations belong to who made them. */
  override close(callback?: () => void): Promise<void> {
    callback?.();
    return Promise.resolve();
  }

  override destroy(error?: Error | null | (() => void), callback?: () => void): Promise<void> {
    if (typeof error === "function") error();
    callback?.();
    return Promise.resolve();
  }
}

/** Tells the handler what comes, as a client of undici would. */
async function answer(
  doors: readonly Door[],
  options: Dispatcher.DispatchOptions,
  handler: Dispatcher.DispatchHandler,
): Promise<void> {
  const control = new DispatchControl();
  let unread: ReadableStream<Uint8Array> | undefined;
  try {
    handler.onRequestStart?.(control, {});
    if (control.aborted) throw control.reason;
    if (options.upgrade) throw new TypeError("an upgrade is no request that an integration can make");
    const { status, headers, body } = await exchangeFor(doors, {
      ...dispatchedRequest(options),
      signal: control.signal,
    });
    unread = body;
    handler.onResponseStarted?.();
    control.rawHeaders = headers.flat().map((text) => Buffer.from(text, "latin1"));
    handler.onResponseStart?.(control, status, recordOf(headers), STATUS_CODES[status] ?? "");
    unread = undefined;
    for await (const chunk of body) {
      handler.onResponseData?.(control, Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength));
      await control.resumed();
      if (control.aborted) throw control.reason;
    }
    handler.onResponseEnd?.(control, {});
  } catch (error) {
    unread?.cancel().catch(() => {});
    const told = control.aborted ? keepFailureOf(error, control.reason) : error;
    tellEnd(handler, control, told instanceof Error ? told : new Error("the call failed", { cause: told }));
  }
}

/** The last that a handler hears. What it throws then is nobody's, and would end the process. */
function tellEnd(handler: Dispatcher.DispatchHandler, control: DispatchControl, error: Error): void {
  try {
    handler.onResponseError?.(control, error);
  } catch {
    // Its own trouble: the call is over.
  }
}

function recordOf(pairs: readonly (readonly [string, string])[]): Record<string, string | string[]> {
  const record: Record<string, string | string[]> = {};
  for (const [name, value] of pairs) {
    const before = record[name];
    record[name] = before === undefined ? value : [before, value].flat();
  }
  return record;
}
