import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import type { FromSoakWorker, Round } from "./messages.ts";

const entry = fileURLToPath(new URL("./worker.ts", import.meta.url));

/** One place for a process: when its process is killed another one goes on where it was. */
export class Slot {
  readonly index: number;
  readonly #args: string;
  #child: ChildProcess | undefined;
  #round: Round | undefined;
  #done: (heapBytes: number) => void = () => {};
  #stopping = false;
  #gotOn = false;
  kills = 0;
  pauses = 0;

  constructor(index: number, args: object) {
    this.index = index;
    this.#args = JSON.stringify(args);
  }

  /** @returns the heap after a collection, of the process that came to the end. */
  play(round: Round): Promise<number> {
    this.#round = round;
    const done = new Promise<number>((resolve) => {
      this.#done = resolve;
    });
    if (this.#child === undefined) this.#start();
    else this.#child.send(round, () => {});
    return done;
  }

  /** Only what has got on since the last time: else a slow machine would get nowhere. */
  kill(): void {
    if (!this.#gotOn) return;
    this.#gotOn = false;
    this.kills += 1;
    this.#child?.kill("SIGKILL");
  }

  /** Longer than a lease; and only what has got on. */
  pause(ms: number): void {
    const child = this.#child;
    if (child === undefined || !this.#gotOn) return;
    this.#gotOn = false;
    this.pauses += 1;
    child.kill("SIGSTOP");
    setTimeout(() => child.kill("SIGCONT"), ms);
  }

  async stop(): Promise<void> {
    this.#stopping = true;
    const child = this.#child;
    if (child === undefined) return;
    child.kill("SIGCONT");
    child.kill("SIGTERM");
    const hard = setTimeout(() => child.kill("SIGKILL"), 10_000);
    await once(child, "close");
    clearTimeout(hard);
  }

  #start(): void {
    const child = fork(entry, [this.#args], {
      execArgv: ["--conditions=@outrigger/source", "--expose-gc", "--disable-warning=ExperimentalWarning"],
    });
    this.#child = child;
    child.on("error", () => {});
    // One that is stopped does not hear that its parent has gone.
    const end = (): void => void child.kill("SIGKILL");
    process.once("exit", end);
    child.once("close", () => process.removeListener("exit", end));
    child.on("message", (message) => this.#hear(child, message as FromSoakWorker));
    child.once("close", () => {
      if (this.#child !== child) return;
      this.#child = undefined;
      if (!this.#stopping) this.#start();
    });
  }

  #hear(child: ChildProcess, message: FromSoakWorker): void {
    if (child !== this.#child) return;
    switch (message.is) {
      case "ready":
        if (this.#round !== undefined) child.send(this.#round, () => {});
        return;
      case "at":
        this.#gotOn = true;
        if (this.#round !== undefined) this.#round = { ...this.#round, from: message.index };
        return;
      case "done":
        this.#round = undefined;
        this.#done(message.heapBytes);
    }
  }
}
