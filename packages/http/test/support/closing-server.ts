import { once } from "node:events";
import { Worker } from "node:worker_threads";

/** What the server in the other thread received: bodies or targets, in order. */
export interface ClosingServer {
  readonly url: string;
  received(): Promise<string[]>;
  /** What it did of that: nothing for a read, nothing for a key that it had seen. */
  applied(): Promise<string[]>;
  /** Holds the event loop until the server has ended every connection, so that nobody here has seen it yet. */
  blockUntilAllEnded(): void;
  stop(): Promise<void>;
}

/** Answers every request, and ends the connection once it has been idle for a while. */
const source = `
  const { createServer } = require("node:net");
  const { parentPort, workerData } = require("node:worker_threads");
  const { fault, idleMs, counts } = workerData;
  const received = [];
  const applied = [];
  const keys = new Set();
  const server = createServer((socket) => {
    let timer;
    let text = "";
    const ended = () => { Atomics.add(counts, 1, 1); Atomics.notify(counts, 1); };
    Atomics.add(counts, 0, 1);
    socket.once(fault === "fin" ? "finish" : "close", ended);
    socket.setNoDelay(true);
    socket.on("error", () => {});
    socket.setEncoding("latin1");
    socket.on("data", (chunk) => {
      text += chunk;
      const head = text.indexOf("\\r\\n\\r\\n");
      if (head === -1) return;
      const length = Number(/content-length: (\\d+)/i.exec(text)?.[1] ?? 0);
      if (text.length < head + 4 + length) return;
      const id = /[?&]id=([^ ]*)/.exec(text)?.[1] ?? JSON.parse(text.slice(head + 4, head + 4 + length)).id;
      received.push(id);
      const key = /idempotency-key: (.*)\\r/i.exec(text)?.[1];
      if (!text.startsWith("GET") && (key === undefined || !keys.has(key))) applied.push(id);
      keys.add(key);
      text = "";
      clearTimeout(timer);
      const answer = JSON.stringify({ id });
      socket.write("HTTP/1.1 200 OK\\r\\ncontent-length: " + answer.length + "\\r\\n\\r\\n" + answer);
      timer = setTimeout(() => (fault === "fin" ? socket.end() : socket.resetAndDestroy()), idleMs);
    });
  });
  server.listen(0, "127.0.0.1", () => parentPort.postMessage(server.address().port));
  parentPort.on("message", () => parentPort.postMessage({ received, applied }));
`;

/** A server in a thread of its own, so that it acts while the test's event loop is held. */
export async function startClosingServer(fault: "fin" | "rst", idleMs: number): Promise<ClosingServer> {
  /** Connections made, connections ended. */
  const counts = new Int32Array(new SharedArrayBuffer(8));
  const worker = new Worker(source, { eval: true, workerData: { fault, idleMs, counts } });
  const [port] = (await once(worker, "message")) as [number];
  const report = async (): Promise<{ received: string[]; applied: string[] }> => {
    worker.postMessage("report");
    const [books] = (await once(worker, "message")) as [{ received: string[]; applied: string[] }];
    return books;
  };
  return {
    url: `http://127.0.0.1:${port}`,
    received: async () => (await report()).received,
    applied: async () => (await report()).applied,
    blockUntilAllEnded: () => {
      for (let ended = counts[1] ?? 0; ended < Atomics.load(counts, 0); ended = Atomics.load(counts, 1)) {
        if (Atomics.wait(counts, 1, ended, 5_000) === "timed-out") throw new Error("still open after 5 s");
      }
    },
    stop: async () => {
      await worker.terminate();
    },
  };
}
