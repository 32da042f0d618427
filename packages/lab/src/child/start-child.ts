import { assertKnownKeys, type Duration, durationMs } from "@outrigger/core";
import { type SpawnedChild, type SpawnOptions, spawnChild } from "./spawn-child.ts";

export interface ChildOptions extends Omit<SpawnOptions, "readyWithinMs" | "stopWithinMs"> {
  /** Longest wait for `sayReady`. @defaultValue "30s" */
  readonly readyWithin?: Duration;
  /** Longest wait for the child to end when it is stopped; then it is killed. @defaultValue "5s" */
  readonly stopWithin?: Duration;
}

/** A child process that says when it is ready and does not outlive its parent. */
export interface Child<Ready> extends Omit<SpawnedChild<Ready>, "stop"> {
  /**
   * Asks the child to end and waits until it has; calling it again waits for the same end.
   *
   * @param within - Then the child is killed. Default: `stopWithin`.
   */
  stop(within?: Duration): ReturnType<SpawnedChild<Ready>["stop"]>;
}

/**
 * Starts a Node process from an entry file and waits until it says that it is ready.
 *
 * From sources the child resolves the packages' sources too. A Ctrl-C in the terminal goes to the whole process
 * group, the children included: they leave it to their parent to stop them in order.
 *
 * @throws TypeError or RangeError that names the option and the fix; Error with the child's last lines when it ends,
 * or stays silent, before it is ready.
 */
export async function startChild<Ready = unknown>(options: ChildOptions): Promise<Child<Ready>> {
  assertKnownKeys("startChild", options, [
    "file",
    "args",
    "env",
    "readyWithin",
    "stopWithin",
    "ownSession",
    "onLine",
  ]);
  const { readyWithin = "30s", stopWithin = "5s", ...rest } = options;
  const child = await spawnChild<Ready>({
    ...rest,
    readyWithinMs: durationMs("startChild.readyWithin", readyWithin),
    stopWithinMs: durationMs("startChild.stopWithin", stopWithin),
  });
  return {
    ...child,
    stop: (within) =>
      child.stop(within === undefined ? undefined : durationMs("stop.within", within, { minMs: 0 })),
  };
}
