import type { Random } from "@outrigger/core";
import { lanes } from "../audit/order-book.ts";
import { visit } from "./customer.ts";
import { openLoop } from "./open-loop.ts";

/** Customers that come to both lanes at the same rate, as long as the console asks for them. */
export class DemoTraffic {
  readonly #shopUrl: string;
  readonly #random: Random;
  readonly #run: string;
  readonly #closed = new AbortController();
  #perSecond = 0;
  #orders = 0;
  #stop: () => void = () => {};

  constructor(shopUrl: string, random: Random) {
    this.#shopUrl = shopUrl;
    this.#random = random;
    this.#run = Math.floor(random() * 0x1_0000_0000).toString(36);
  }

  /** Orders per second and lane; 0 is none. */
  get perSecond(): number {
    return this.#perSecond;
  }

  set perSecond(perSecond: number) {
    this.#stop();
    this.#perSecond = perSecond;
    this.#stop = perSecond > 0 ? openLoop(perSecond, () => this.#arrive()) : () => {};
  }

  close(): void {
    this.perSecond = 0;
    this.#closed.abort();
  }

  #arrive(): void {
    this.#orders += 1;
    const amount = 1_000 + Math.floor(this.#random() * 99_000);
    for (const lane of lanes) {
      const orderId = `${lane}-${this.#run}-${this.#orders}`;
      const options = { shopUrl: this.#shopUrl, random: this.#random, signal: this.#closed.signal };
      void visit({ lane, orderId, amount, method: "card" }, options);
    }
  }
}
