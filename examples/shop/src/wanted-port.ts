import { freePort } from "@outrigger/lab";

/**
 * The wanted port, or one that the system picks: 0 always lets it pick.
 *
 * @param strict - Refuses another port than the wanted one.
 * @throws Error that names the port and the fix.
 */
export async function wantedPort(wanted: number, strict = false): Promise<number> {
  const port = await freePort(wanted);
  if (!strict || wanted === 0 || port === wanted) return port;
  throw new Error(`port ${wanted} is taken; give another --port, or --port 0 for a free one`);
}
