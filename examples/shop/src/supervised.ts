import { type Child, type ChildOptions, startChild } from "@outrigger/lab";

/** A child process that is started again whenever it ends without having been asked to. */
export interface Supervised {
  readonly up: boolean;
  readonly pid: number | undefined;
  /** How often it had to be started again. */
  readonly restarts: number;
  /** SIGKILL, as a crash or the kernel would; the supervisor starts it again. Resolves when it is up. */
  kill(): Promise<void>;
  stop(): Promise<void>;
}

/** Longest pause before a child that cannot start is tried again, in milliseconds. */
const longestPauseMs = 2_000;

/** @throws Error when the first start fails; later failures are retried with a growing pause. */
export async function supervise(options: ChildOptions): Promise<Supervised> {
  let child: Child<unknown> | undefined = await startChild(options);
  let stopping = false;
  let restarts = 0;
  let restarted: Promise<void> = Promise.resolve();

  const watch = (watched: Child<unknown>): void => {
    void watched.exited.then(() => {
      if (child === watched) child = undefined;
      if (!stopping) restarted = startAgain();
    });
  };
  const startAgain = async (): Promise<void> => {
    for (let pauseMs = 50; !stopping; pauseMs = Math.min(longestPauseMs, pauseMs * 2)) {
      try {
        const started = await startChild(options);
        child = started;
        restarts += 1;
        watch(started);
        return;
      } catch (error) {
        console.error(error instanceof Error ? error.message : error);
        await new Promise((resolve) => setTimeout(resolve, pauseMs));
      }
    }
  };
  watch(child);

  return {
    get up() {
      return child !== undefined;
    },
    get pid() {
      return child?.pid;
    },
    get restarts() {
      return restarts;
    },
    async kill() {
      const victim = child;
      if (victim !== undefined) await victim.kill();
      await new Promise((resolve) => setImmediate(resolve)); // The watcher above runs first.
      await restarted;
    },
    async stop() {
      stopping = true;
      await restarted;
      await child?.stop("20s");
    },
  };
}
