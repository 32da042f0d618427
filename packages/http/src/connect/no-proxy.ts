import { BlockList, isIP } from "node:net";

/**
 * Whether `NO_PROXY` excepts a host. Entries are separated by commas or blanks, and are
 *
 * - `*`: everything;
 * - a name, which stands for itself and for what lies below it; with a dot or `*.` in front only for what lies below;
 * - an address or a block of addresses: `10.0.0.0/8`, `fd00::/8`;
 * - each, but for blocks, perhaps with a port: `api.example.com:8443`.
 *
 * There is no standard; this is what Go does and what curl does but for the dot.
 */
export function isExcepted(noProxy: string, hostname: string, port: number): boolean {
  const host = bareHost(hostname);
  return noProxy
    .toLowerCase()
    .split(/[\s,]+/)
    .some((entry) => entry !== "" && (entry === "*" || matches(entry, host, port)));
}

function matches(entry: string, host: string, port: number): boolean {
  if (entry.includes("/")) return inBlock(entry, host);
  const [, name = entry, onlyPort] = /^(.*?[^:]|\[.*\]):(\d+)$/.exec(isIP(entry) === 6 ? "" : entry) ?? [];
  if (onlyPort !== undefined && Number(onlyPort) !== port) return false;
  const bare = bareHost(name);
  if (isIP(host) !== 0) return bare === host;
  const below = bare.replace(/^\*?\./, "");
  return host.endsWith(`.${below}`) || (below === bare && host === bare);
}

function inBlock(entry: string, host: string): boolean {
  const [network = "", bits = ""] = entry.split("/");
  const family = isIP(network);
  const prefix = Number(bits);
  if (family === 0 || isIP(host) !== family || !/^\d{1,3}$/.test(bits)) return false;
  if (prefix > (family === 4 ? 32 : 128)) return false;
  const type = family === 4 ? "ipv4" : "ipv6";
  const list = new BlockList();
  list.addSubnet(network, prefix, type);
  return list.check(host, type);
}

/** Without the brackets of an IPv6 address and the dot of a name's root. */
function bareHost(hostname: string): string {
  return hostname
    .toLowerCase()
    .replace(/^\[(.*)\]$/, "$1")
    .replace(/\.$/, "");
}
