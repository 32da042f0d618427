import { exitWithParent, sayReady } from "../child/exit-with-parent.ts";

interface Supervised {
  readonly stopping: boolean;
  readonly log: string;
  start(onEnd: () => void): Promise<unknown>;
  stop(): Promise<void>;
}

/** What the process does that looks after one server: it ends with it, and with its parent. */
export async function superviseServer(name: string, server: Supervised): Promise<void> {
  // Longer than the server's own endings take together.
  exitWithParent({ onStop: () => server.stop(), within: "45s" });

  async function endBecause(reason: unknown): Promise<void> {
    if (server.stopping) return;
    console.error(reason);
    await server.stop();
    process.exit(1);
  }

  try {
    sayReady(await server.start(() => void endBecause(`${name} ended by itself\n${server.log}`)));
  } catch (error) {
    await endBecause(error);
  }
}
