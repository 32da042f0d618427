import { BlockList, isIP } from "node:net";

/**
 * IPv4 blocks that are no public unicast: what the IANA special-purpose registry does not mark as globally reachable,
 * and multicast. Source: https://www.iana.org/assignments/iana-ipv4-special-registry
 */
const blocked4: readonly (readonly [network: string, prefix: number])[] = [
  ["0.0.0.0", 8], // this host; 0.0.0.0 itself reaches it
  ["10.0.0.0", 8], // private
  ["100.64.0.0", 10], // carrier-grade NAT
  ["127.0.0.0", 8], // loopback
  ["168.63.129.16", 32], // Azure's service for its machines, which hands out their settings; by the registry it is public
  ["169.254.0.0", 16], // link-local; 169.254.169.254 hands out a cloud machine's credentials
  ["172.16.0.0", 12], // private
  ["192.0.0.0", 24], // protocol assignments; 192.0.0.192 is Oracle's metadata service
  ["192.0.2.0", 24], // documentation
  ["192.88.99.0", 24], // 6to4 relays, withdrawn
  ["192.168.0.0", 16], // private
  ["198.18.0.0", 15], // benchmarks
  ["198.51.100.0", 24], // documentation
  ["203.0.113.0", 24], // documentation
  ["224.0.0.0", 4], // multicast
  ["240.0.0.0", 4], // reserved, broadcast included
];

/**
 * Within 2000::/3, the only block that is assigned as unicast. What embeds an IPv4 address is blocked as a whole:
 * where it leads is decided by a relay.
 */
const blocked6: readonly (readonly [network: string, prefix: number])[] = [
  ["2001::", 23], // protocol assignments, Teredo included
  ["2001:db8::", 32], // documentation
  ["2002::", 16], // 6to4
  ["3fff::", 20], // documentation
];

const notPublic4: BlockList = new BlockList();
for (const [network, prefix] of blocked4) notPublic4.addSubnet(network, prefix, "ipv4");
const notPublic6: BlockList = new BlockList();
for (const [network, prefix] of blocked6) notPublic6.addSubnet(network, prefix, "ipv6");
const unicast6: BlockList = new BlockList();
unicast6.addSubnet("2000::", 3, "ipv6");

/**
 * Whether an address belongs to the public internet: neither this machine, nor its network, nor a cloud's metadata
 * service, in whatever notation. What is no address is not public.
 */
export function isPublicAddress(address: string): boolean {
  const [bare = ""] = address.split("%");
  if (isIP(bare) === 4) return !notPublic4.check(bare, "ipv4");
  if (isIP(bare) !== 6) return false;
  // An IPv4-mapped address, and NAT64's and the compatible ones, lie outside of 2000::/3.
  return unicast6.check(bare, "ipv6") && !notPublic6.check(bare, "ipv6");
}
