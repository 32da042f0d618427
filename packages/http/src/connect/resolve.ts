import type { LookupAddress } from "node:dns";
import { isIP, type LookupFunction } from "node:net";
import { codeOf, dnsCodes } from "../classify/connection-error.ts";
import { httpFailureCodes } from "../failure.ts";
import { ConnectError } from "./connect-error.ts";

/** All addresses of a name, in the order in which they are tried. Fails, and never gives an empty list. */
export type Resolve = (hostname: string, done: Resolved, options?: object) => void;
type Resolved = (error: Error | null, addresses: readonly LookupAddress[]) => void;

/**
 * Asks a `lookup` function for all addresses.
 *
 * Whatever it does, throwing, answering with none or with one, it ends as a list or as an error of DNS, which is
 * transient: resolvers come back.
 */
export function resolveWith(lookup: LookupFunction): Resolve {
  return (hostname, done, options = {}) => {
    let answered = false;
    const answer = (error: unknown, addresses: readonly LookupAddress[]): void => {
      if (answered) return;
      answered = true;
      if (error !== null && error !== undefined) done(dnsError(hostname, error), []);
      else if (addresses.length === 0) done(dnsError(hostname, undefined), []);
      else done(null, addresses);
    };
    try {
      lookup(hostname, { ...options, all: true }, (error, found) => answer(error, addressesIn(found)));
    } catch (error) {
      answer(error, []);
    }
  };
}

/** By the addresses alone: a family beside one says nothing that it does not. What is no address is left out. */
function addressesIn(found: unknown): LookupAddress[] {
  return [found].flat().flatMap((each: unknown) => {
    const address = typeof each === "string" ? each : (each as Partial<LookupAddress> | undefined)?.address;
    const family = typeof address === "string" ? isIP(address) : 0;
    return address === undefined || family === 0 ? [] : [{ address, family }];
  });
}

/** The other way around: a `lookup` for `net.connect`, which asks for one address or for all. */
export function lookupFrom(resolve: Resolve): LookupFunction {
  return (hostname, options, callback) => {
    resolve(
      hostname,
      (error, addresses) => {
        const [first] = addresses;
        if (error !== null || first === undefined) callback(error, "");
        else if (options.all === true) callback(null, [...addresses]);
        else callback(null, first.address, first.family);
      },
      options,
    );
  };
}

function dnsError(hostname: string, error: unknown): Error {
  // The codes of getaddrinfo are known above; those of other resolvers say ECONNREFUSED when they mean the name server.
  if (error instanceof Error && dnsCodes.has(codeOf(error) ?? "")) return error;
  const why =
    error === undefined ? "no address" : (codeOf(error) ?? (error instanceof Error ? error.name : "?"));
  return new ConnectError(
    `the host ${hostname} was not found (${why})`,
    httpFailureCodes.dnsFailed,
    true,
    error,
  );
}
