import { assertKnownKeys, type Duration, durationMs } from "@outrigger/core";

export interface ExitWithParentOptions {
  /** What to do before the process ends. It is called once. */
  readonly onStop?: () => void | Promise<void>;
  /** Longest wait for `onStop`; then the process ends anyway, with code 1. @defaultValue "5s" */
  readonly within?: Duration;
}

/**
 * Called at the top of a child's entry file: the process ends when its parent asks for it, on SIGTERM, and when
 * its parent is gone, however the parent died.
 *
 * Ctrl-C and a closed terminal reach the whole process group; a child with a parent ignores both, so that the
 * parent can stop its children in order. Started by hand it ends on them.
 *
 * @throws TypeError or RangeError that names the option and the fix.
 */
export function exitWithParent(options: ExitWithParentOptions = {}): void {
  assertKnownKeys("exitWithParent", options, ["onStop", "within"]);
  const { onStop, within = "5s" } = options;
  const withinMs = durationMs("exitWithParent.within", within);
  let stopping = false;
  const stop = (): void => {
    if (stopping) return;
    stopping = true;
    setTimeout(() => {
      console.error(`pid ${process.pid} did not stop within ${within}`);
      process.exit(1);
    }, withinMs).unref();
    new Promise((done) => done(onStop?.())).then(
      () => process.exit(0),
      (error: unknown) => {
        console.error(error);
        process.exit(1);
      },
    );
  };
  // Once the parent is gone nobody reads our pipes; a line written then must not end us before `onStop` is done.
  process.stdout.on("error", () => {});
  process.stderr.on("error", () => {});
  process.on("SIGTERM", stop);
  if (process.send === undefined) {
    process.on("SIGINT", stop);
    process.on("SIGHUP", stop);
    return;
  }
  process.on("SIGINT", () => {});
  process.on("SIGHUP", () => {});
  process.on("disconnect", stop);
  process.on("message", (message) => {
    if (isStopMessage(message)) stop();
  });
  // The parent may have died before this line ran; then no event will tell.
  if (!process.connected) stop();
}

/** Tells the parent that this child is ready, with whatever it has to say: plain JSON. */
export function sayReady(ready: unknown): void {
  process.send?.({ type: "outrigger.ready", ready }, () => {});
}

function isStopMessage(message: unknown): boolean {
  return (
    typeof message === "object" && message !== null && "type" in message && message.type === "outrigger.stop"
  );
}
