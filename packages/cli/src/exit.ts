/**
 * What the command ends with, for scripts.
 *
 * - `done` 0; `problem` 1: something is wrong, or what was asked for was refused.
 * - `usage` 2: the command was called wrongly, and did nothing.
 * - `unreachable` 3: the database did not answer.
 * - `interrupted` 130: Ctrl-C, as shells expect it.
 */
export const exitCodes = { done: 0, problem: 1, usage: 2, unreachable: 3, interrupted: 130 } as const;

export type ExitCode = (typeof exitCodes)[keyof typeof exitCodes];

/** Ends the command with a message for people. */
export class Stop extends Error {
  readonly exitCode: ExitCode;

  constructor(exitCode: ExitCode, message: string) {
    super(message);
    this.exitCode = exitCode;
  }
}

/** Gives up waiting on Ctrl-C. What it waited for may go on until the process ends. */
export function orInterrupted<T>(signal: AbortSignal, message: string, work: Promise<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    const stop = (): void => reject(new Stop(exitCodes.interrupted, message));
    if (signal.aborted) stop();
    else signal.addEventListener("abort", stop, { once: true });
    work.then(resolve, reject).finally(() => signal.removeEventListener("abort", stop));
  });
}
