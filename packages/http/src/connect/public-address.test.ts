import { expect, test } from "vitest";
import { isPublicAddress } from "./public-address.ts";

/** First and last address of each block, and the public neighbours on both sides where there are any. */
test.each([
  ["0.0.0.0", "0.255.255.255", undefined, "1.0.0.0"],
  ["10.0.0.0", "10.255.255.255", "9.255.255.255", "11.0.0.0"],
  ["100.64.0.0", "100.127.255.255", "100.63.255.255", "100.128.0.0"],
  ["127.0.0.0", "127.255.255.255", "126.255.255.255", "128.0.0.0"],
  ["169.254.0.0", "169.254.255.255", "169.253.255.255", "169.255.0.0"],
  ["172.16.0.0", "172.31.255.255", "172.15.255.255", "172.32.0.0"],
  ["192.0.0.0", "192.0.0.255", "191.255.255.255", "192.0.1.0"],
  ["192.168.0.0", "192.168.255.255", "192.167.255.255", "192.169.0.0"],
  ["198.18.0.0", "198.19.255.255", "198.17.255.255", "198.20.0.0"],
  ["224.0.0.0", "255.255.255.255", "223.255.255.255", undefined],
  ["2001::", "2001:1ff:ffff:ffff:ffff:ffff:ffff:ffff", undefined, "2001:200::"],
  ["2001:db8::", "2001:db8:ffff:ffff:ffff:ffff:ffff:ffff", "2001:db7:ffff::", "2001:db9::"],
  ["2002::", "2002:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "2001:ffff::", "2003::"],
])("from %s to %s nothing is public; %s and %s are", (first, last, before, after) => {
  for (const inside of [first, last]) expect([inside, isPublicAddress(inside)]).toEqual([inside, false]);
  for (const outside of [before, after]) {
    if (outside !== undefined) expect([outside, isPublicAddress(outside)]).toEqual([outside, true]);
  }
});

test.each([
  ["::", "unspecified"],
  ["::1", "loopback"],
  ["0:0:0:0:0:0:0:1", "loopback, written out"],
  ["::7f00:1", "IPv4-compatible"],
  ["::ffff:127.0.0.1", "IPv4-mapped loopback"],
  ["::ffff:a9fe:a9fe", "IPv4-mapped metadata"],
  ["::ffff:8.8.8.8", "IPv4-mapped, also of a public address: a resolver has no need for it"],
  ["64:ff9b::7f00:1", "NAT64"],
  ["64:ff9b::808:808", "NAT64 of a public address"],
  ["64:ff9b:1::1", "local NAT64"],
  ["100::1", "discard"],
  ["fc00::1", "unique local"],
  ["fd00:ec2::254", "metadata of AWS"],
  ["fe80::1", "link-local"],
  ["fe80::1%eth0", "link-local with its zone"],
  ["fec0::1", "site-local"],
  ["ff02::1", "multicast"],
  ["2001:0:1::1", "Teredo"],
  ["2002:7f00:1::", "6to4 of loopback"],
  ["169.254.169.254", "metadata"],
  ["192.0.0.192", "metadata of Oracle"],
  ["", "nothing"],
  ["localhost", "a name"],
  ["2130706433", "a number"],
  ["0x7f.1", "a notation of inet_aton"],
])("%s is not public (%s)", (address) => {
  expect(isPublicAddress(address)).toBe(false);
});

test.each(["8.8.8.8", "1.1.1.1", "2606:4700:4700::1111", "2a00:1450:4001::1"])("%s is public", (address) => {
  expect(isPublicAddress(address)).toBe(true);
});
