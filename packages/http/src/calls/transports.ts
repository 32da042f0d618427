import type { HttpEvent } from "../events.ts";
import type { Settings } from "../options/options.ts";
import type { PoolSnapshot } from "../pool/connection-pool.ts";
import { type OriginTransport, originTransport } from "./origin-transport.ts";
import { followRedirects } from "./redirects.ts";
import type { Send } from "./send.ts";

/** What sends the attempts of an integration: to its own origin, and to those that redirects may lead to. */
export class Transports {
  readonly send: Send;
  readonly #settings: Settings;
  readonly #emit: ((event: HttpEvent) => void) | undefined;
  readonly #own: OriginTransport;
  readonly #others = new Map<string, OriginTransport>();

  constructor(settings: Settings, emit: ((event: HttpEvent) => void) | undefined) {
    const { origin } = settings.baseUrl;
    this.#settings = settings;
    this.#emit = emit;
    this.#own = originTransport(settings, { origin, connect: settings.connect }, emit);
    const mayFollow = [...settings.operations.values()].some(({ redirects }) => redirects > 0);
    this.send = mayFollow
      ? followRedirects(this.#own.send, { origin, sendTo: (to) => this.#sendTo(to) })
      : this.#own.send;
  }

  /** Of the integration's own origin. */
  snapshot(): PoolSnapshot {
    return this.#own.pool.snapshot();
  }

  async destroy(reason: Error): Promise<void> {
    const all = [this.#own, ...this.#others.values()];
    await Promise.all(all.map(({ pool }) => pool.destroy(reason)));
  }

  #sendTo(origin: string): Send | undefined {
    if (origin === this.#settings.baseUrl.origin) return this.#own.send;
    const connect = this.#settings.redirectTo.get(origin);
    if (connect === undefined) return undefined;
    let other = this.#others.get(origin);
    if (other === undefined) {
      other = originTransport(this.#settings, { origin, connect }, this.#emit);
      this.#others.set(origin, other);
    }
    return other.send;
  }
}
