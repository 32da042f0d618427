import { type Child, startChild } from "@outrigger/lab";
import { startClosingServer } from "../support/closing-server.ts";
import type { Fault, World } from "./world.ts";

/** One process serves all scenarios, one after the other, because a process takes a while to start. */
let stoppable: Promise<Child<{ url: string }>> | undefined;

export async function stopProcesses(): Promise<void> {
  await (await stoppable)?.stop();
  stoppable = undefined;
}

/** What a process that is stopped has not read stays in the kernel, and is acted on when it continues. */
async function stoppedProcess(): Promise<World> {
  stoppable ??= startChild({ file: new URL("stoppable.ts", import.meta.url) });
  const { pid, ready } = await stoppable;
  const { url } = ready;
  await fetch(`${url}/forget`);
  /** Attempts until it continues; 0 while it runs. */
  let attempts = 0;
  const proceed = (): void => {
    attempts = 0;
    process.kill(pid, "SIGCONT");
  };
  return {
    url,
    arm: ({ times }) => {
      attempts = times;
      if (times > 0) process.kill(pid, "SIGSTOP");
    },
    // Connected is as good as written, and what was written stays unread.
    struck: (_attempts, { open }) => attempts > 0 && open === 1,
    attempted: () => {
      attempts -= 1;
      if (attempts === 0) proceed();
    },
    settle: proceed,
    books: async (id) => {
      let books = { sent: 0, applied: 0 };
      // Three turns of the server's loop: by then it has read what had come before.
      for (let nth = 0; nth < 3; nth += 1) {
        books = (await (await fetch(`${url}/books?of=${id}`)).json()) as typeof books;
      }
      return books;
    },
    stop: proceed,
  };
}

/** The close has arrived, and nobody here has been told, because our own event loop did not turn. */
async function closedUnread(how: "fin" | "rst"): Promise<World> {
  const server = await startClosingServer(how, 300);
  return {
    url: server.url,
    arm: ({ times }) => {
      if (times > 0) server.blockUntilAllEnded();
    },
    books: async (id) => ({
      sent: count(await server.received(), id),
      applied: count(await server.applied(), id),
    }),
    stop: server.stop,
  };
}

/** Faults that take a process or a thread of their own. */
export const processFaults: readonly Fault[] = [
  {
    name: "is frozen, and continues later",
    stage: "before the answer",
    code: "READ_TIMEOUT",
    on: ["fresh", "reused"],
    acts: "always",
    waits: true,
    alone: true,
    world: stoppedProcess,
  },
  ...(["fin", "rst"] as const).map(
    (how): Fault => ({
      name: `${how === "fin" ? "closed" : "reset"} the idle connection while our event loop was held`,
      stage: "idle",
      code: undefined,
      on: ["reused"],
      acts: "always",
      alone: true,
      world: () => closedUnread(how),
    }),
  ),
];

function count(ids: readonly string[], id: string): number {
  return ids.filter((each) => each === id).length;
}
