import type { Operation } from "../operation.ts";

/** Which operation a method and a path belong to, for callers that know only these. */
export class Routes {
  readonly #byMethod = new Map<string, Operation[]>();

  constructor(operations: Iterable<Operation>) {
    for (const operation of operations) {
      const same = this.#byMethod.get(operation.method);
      if (same === undefined) this.#byMethod.set(operation.method, [operation]);
      else same.push(operation);
    }
    // A path that is spelled out goes before one that a parameter happens to fit. Equals keep their order.
    for (const same of this.#byMethod.values()) {
      same.sort((a, b) => compare(b.path.specificity, a.path.specificity));
    }
  }

  /** @param path - Encoded, below the base URL, without a query. */
  match(method: string, path: string): Operation | undefined {
    return this.#byMethod.get(method)?.find((operation) => operation.path.matches(path));
  }
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
