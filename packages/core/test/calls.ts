import { type Call, CallContext, Failure, type FailureInit } from "../src/index.ts";

/** Never answers, and stops when told. */
export const silent: Call<string, string> = (_, context) =>
  new Promise((_resolve, reject) => void context.onAbort(reject));

/** Never answers, and does not stop when told. */
export const deaf: Call<string, string> = () => new Promise(() => {});

export const echo: Call<string, string> = async (input) => input;

/** A call whose end is decided by the test, one promise for each time it is called. */
export function manual(): { call: Call<string, string>; calls: ManualCall[] } {
  const calls: ManualCall[] = [];
  const call: Call<string, string> = (_, context) =>
    new Promise((resolve, reject) => void calls.push({ context, resolve, reject }));
  return { call, calls };
}

export interface ManualCall {
  readonly context: CallContext;
  readonly resolve: (value: string) => void;
  readonly reject: (error: unknown) => void;
}

export function failure(init: Partial<FailureInit> = {}): Failure {
  return new Failure("the test says no", { code: "TEST_FAILED", effect: "none", ...init });
}

/** A call that goes through the given ends, one for each time it is called; a Failure or Error is thrown. */
export function script(...ends: readonly unknown[]): { call: Call<string, string>; contexts: CallContext[] } {
  const contexts: CallContext[] = [];
  const call: Call<string, string> = async (input, context) => {
    contexts.push(context);
    const end = ends[contexts.length - 1];
    if (end instanceof Error) throw end;
    return input;
  };
  return { call, contexts };
}

export interface Watched<T> {
  status: "waiting" | "fulfilled" | "rejected";
  value?: T;
  error?: unknown;
}

/** What has become of a promise so far. */
export function watch<T>(promise: Promise<T>): Watched<T> {
  const watched: Watched<T> = { status: "waiting" };
  promise.then(
    (value) => Object.assign(watched, { status: "fulfilled", value }),
    (error: unknown) => Object.assign(watched, { status: "rejected", error }),
  );
  return watched;
}

/** Counts who still listens for its abort. */
export class ListeningContext extends CallContext {
  listeners = 0;

  override onAbort(listener: (reason: Failure) => void): () => void {
    this.listeners += 1;
    const forget = super.onAbort(listener);
    return () => {
      this.listeners -= 1;
      forget();
    };
  }
}
