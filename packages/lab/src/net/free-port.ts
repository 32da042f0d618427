import { createServer } from "node:net";

/**
 * A port of loopback on which nobody listens: the wanted one if it is free, else one that the system picks.
 *
 * Another process may take it before it is used, so whoever listens on it still has to be ready for that.
 *
 * @param wanted - Range: 0 to 65535; 0 always lets the system pick.
 */
export async function freePort(wanted = 0): Promise<number> {
  return await tryPort(wanted).catch(() => tryPort(0));
}

function tryPort(port: number): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once("error", reject);
    server.listen({ host: "127.0.0.1", port }, () => {
      const address = server.address();
      server.close(() => resolve(typeof address === "object" && address !== null ? address.port : port));
    });
  });
}
