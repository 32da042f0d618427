import { isIP, SocketAddress } from "node:net";
import type { Clock } from "@outrigger/core";
import type { Resolve } from "./resolve.ts";

/**
 * Questions asked within the time that an address may be missing. A provider that answers each question with another
 * part of its addresses then loses a connection only if four answers in a row left its address out.
 */
const questions = 4;

/**
 * Knows which addresses a name still has.
 *
 * New connections ask DNS anyway; this is for those that are open, and would otherwise keep to a machine that was
 * taken out of DNS for as long as there is traffic. It needs no timer: it asks when somebody wants to reuse a
 * connection and the last answer is old, never in the way of that request.
 */
export class AddressBook {
  readonly #hostname: string;
  readonly #resolve: Resolve;
  readonly #followMs: number;
  readonly #clock: Clock;
  /** The last answer that had the address. */
  readonly #seenAtMs = new Map<string, number>();
  #answeredAtMs = 0;
  #askedAtMs = Number.NEGATIVE_INFINITY;

  /** @param followMs - For how long an address that has left DNS counts as the host's. */
  constructor(hostname: string, resolve: Resolve, followMs: number, clock: Clock) {
    this.#hostname = hostname;
    this.#resolve = resolve;
    this.#followMs = followMs;
    this.#clock = clock;
  }

  /** Notes what DNS answered. */
  note(addresses: readonly { readonly address: string }[]): void {
    const now = this.#clock.now();
    this.#answeredAtMs = now;
    this.#askedAtMs = now;
    for (const { address } of addresses) this.#seenAtMs.set(normal(address), now);
    // One interval longer than needed, so that an address is told from one that never was in an answer.
    for (const [address, seenAtMs] of this.#seenAtMs) {
      if (now - seenAtMs > 2 * this.#followMs) this.#seenAtMs.delete(address);
    }
  }

  /**
   * Whether connections to the address may still be used. Asks DNS in the background when its last answer is old.
   *
   * Silence of DNS moves nothing: an address is given up for answers without it, not for the lack of answers.
   */
  isCurrent(address: string): boolean {
    this.#askWhenOld();
    const seenAtMs = this.#seenAtMs.get(normal(address));
    return seenAtMs !== undefined && this.#answeredAtMs - seenAtMs < this.#followMs;
  }

  #askWhenOld(): void {
    const now = this.#clock.now();
    if (now - this.#askedAtMs < this.#followMs / questions) return;
    this.#askedAtMs = now;
    this.#resolve(this.#hostname, (error, addresses) => {
      if (error === null) this.note(addresses);
    });
  }
}

/** One spelling for each address, and no zone: a socket and a resolver need not spell alike. */
function normal(address: string): string {
  const [bare = ""] = address.split("%");
  return isIP(bare) === 6 ? new SocketAddress({ address: bare, family: "ipv6" }).address : bare;
}
