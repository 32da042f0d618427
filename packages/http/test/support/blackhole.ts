import { once } from "node:events";
import { connect, type Socket } from "node:net";
import { Worker } from "node:worker_threads";

/** A port whose accept queue is full: a connection to it is neither made nor refused. */
export interface Blackhole {
  readonly url: string;
  /** Starts accepting. */
  open(): void;
  stop(): Promise<void>;
}

/**
 * A listener in a thread that sleeps, behind a queue that is filled to the brim. Once woken it answers 200 to
 * everything.
 */
const listener = `
  const { createServer } = require("node:net");
  const { parentPort, workerData } = require("node:worker_threads");
  const server = createServer((socket) => {
    socket.on("error", () => {});
    socket.on("data", () => socket.write("HTTP/1.1 200 OK\\r\\ncontent-length: 0\\r\\n\\r\\n"));
  });
  const { gate, host, port } = workerData;
  server.listen({ port, host, backlog: 1 }, () => {
    parentPort.postMessage(server.address().port);
    setImmediate(() => Atomics.wait(gate, 0, 0));
  });
`;

export async function startBlackhole({ host = "127.0.0.1", port = 0 } = {}): Promise<Blackhole> {
  const gate = new Int32Array(new SharedArrayBuffer(4));
  const worker = new Worker(listener, { eval: true, workerData: { gate, host, port } });
  const [bound] = (await once(worker, "message")) as [number];
  const fillers = await fill(bound, host);
  return {
    url: `http://${host}:${bound}`,
    open: () => {
      for (const socket of fillers) socket.destroy();
      Atomics.store(gate, 0, 1);
      Atomics.notify(gate, 0);
    },
    stop: async () => {
      for (const socket of fillers) socket.destroy();
      Atomics.store(gate, 0, 1);
      Atomics.notify(gate, 0);
      await worker.terminate();
    },
  };
}

/** Connects until a connection is not made. */
async function fill(port: number, host: string): Promise<Socket[]> {
  const sockets: Socket[] = [];
  for (let made = true; made; ) {
    const socket = connect(port, host);
    socket.on("error", () => {});
    sockets.push(socket);
    made = await Promise.race([
      once(socket, "connect").then(() => true),
      new Promise<boolean>((resolve) => setTimeout(resolve, 250, false)),
    ]);
    if (sockets.length > 50) throw new Error("the accept queue does not fill");
  }
  return sockets;
}
