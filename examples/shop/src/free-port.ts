import { createServer } from "node:net";

/**
 * The wanted port, or one that the system picks: 0 always lets it pick.
 *
 * @param strict - Refuses another port than the wanted one.
 * @throws Error that names the port and the fix.
 */
export async function freePort(wanted: number, strict = false): Promise<number> {
  const port = await tryPort(wanted);
  if (port !== undefined) return port;
  if (strict) throw new Error(`port ${wanted} is taken; give another --port, or --port 0 for a free one`);
  return (await tryPort(0)) ?? wanted;
}

function tryPort(port: number): Promise<number | undefined> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once("error", () => resolve(undefined));
    server.listen({ host: "127.0.0.1", port }, () => {
      const address = server.address();
      server.close(() => resolve(typeof address === "object" ? address?.port : undefined));
    });
  });
}
