import { type CallContext, type Clock, Failure } from "@outrigger/core";
import { httpFailureCodes } from "../failure.ts";

/** Which calls run, so that closing can wait for them and end them. */
export class RunningCalls {
  readonly #running = new Set<CallContext>();
  #whenIdle: (() => void) | undefined;

  began(context: CallContext): void {
    this.#running.add(context);
  }

  /** Its caller has been answered; a streamed body goes on after that. */
  answered(context: CallContext): void {
    if (context.isOutlived) context.whenWorkEnds(() => this.#ended(context));
    else this.#ended(context);
  }

  #ended(context: CallContext): void {
    this.#running.delete(context);
    if (this.#running.size === 0) this.#whenIdle?.();
  }

  get size(): number {
    return this.#running.size;
  }

  /** Waits until none runs, at most for this long, and then ends those that are left. */
  async end(withinMs: number, clock: Clock): Promise<void> {
    if (this.#running.size > 0) {
      await new Promise<void>((resolve) => {
        const timer = clock.setTimer(withinMs, resolve);
        this.#whenIdle = () => {
          timer.cancel();
          resolve();
        };
      });
    }
    for (const context of this.#running) {
      context.abort(
        new Failure("the integration was closed", {
          code: httpFailureCodes.closed,
          effect: context.effect,
          kind: "aborted",
        }),
      );
    }
  }
}
