import { type HttpMethod, implicitOperation, type Operation } from "../operation.ts";
import type { BaseUrl } from "../options/base-url.ts";
import type { Settings } from "../options/options.ts";
import { Routes } from "../request/routes.ts";

/** The operations of an integration, by name and by what a request looks like. */
export class Catalogue {
  readonly baseUrl: BaseUrl;
  readonly #settings: Settings;
  readonly #routes: Routes;
  readonly #implicit = new Map<HttpMethod, Operation>();

  constructor(settings: Settings) {
    this.baseUrl = settings.baseUrl;
    this.#settings = settings;
    this.#routes = new Routes(settings.operations.values());
  }

  /** A declared operation. */
  named(name: string): Operation | undefined {
    return this.#settings.operations.get(name);
  }

  /** As a sentence. */
  get names(): string {
    const names = [...this.#settings.operations.keys()].join(", ");
    return names === "" ? "there is none" : `there are ${names}`;
  }

  /** The declared operation that fits, or the implicit one of the method. */
  fitting(method: HttpMethod, path: string): Operation {
    return this.#routes.match(method, path) ?? this.implicit(method);
  }

  /** What a request of this method is that fits no declared operation. */
  implicit(method: HttpMethod): Operation {
    let operation = this.#implicit.get(method);
    if (operation === undefined) {
      operation = implicitOperation(method, this.#settings.operationDefaults);
      this.#implicit.set(method, operation);
    }
    return operation;
  }
}
