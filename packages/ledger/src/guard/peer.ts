const defaultPorts: Readonly<Record<string, string>> = { "http:": "80", "https:": "443" };

/** Host and port of a URL, and nothing else of it. */
export function peerOf(url: string): string {
  if (!URL.canParse(url)) return "an unknown host";
  const { hostname, port, protocol } = new URL(url);
  return `${hostname.toLowerCase()}:${port === "" ? (defaultPorts[protocol] ?? "?") : port}`;
}

/**
 * Host and port of a database, as drivers are told of it.
 *
 * @param defaultPort - What the driver takes where none is given.
 */
export function databasePeers(
  options: { readonly connectionString?: unknown; readonly host?: unknown; readonly port?: unknown },
  defaultPort: number,
): readonly string[] {
  const { connectionString, host, port } = options;
  const found: string[] = [];
  if (typeof connectionString === "string" && URL.canParse(connectionString)) {
    const url = new URL(connectionString);
    found.push(`${url.hostname.toLowerCase()}:${url.port === "" ? defaultPort : url.port}`);
  }
  const hosts = [host ?? "localhost"].flat();
  const ports = [port ?? defaultPort].flat();
  for (const [index, each] of hosts.entries()) {
    found.push(`${String(each).toLowerCase()}:${String(ports[index] ?? ports[0] ?? defaultPort)}`);
  }
  return found;
}
