import type { Received } from "../support/wire-server.ts";

/** What a server truly did. A key that it has seen is answered from memory, as providers do. */
export class Journal {
  readonly #applied = new Map<string, number>();
  readonly #keys = new Set<string>();

  /** Does what the request asks for, unless it only reads or its key was seen before. */
  apply(request: Received): void {
    if (request.method === "GET") return;
    const key = request.headers["idempotency-key"];
    if (key !== undefined) {
      if (this.#keys.has(key)) return;
      this.#keys.add(key);
    }
    const id = idOf(request);
    this.#applied.set(id, this.applied(id) + 1);
  }

  applied(id: string): number {
    return this.#applied.get(id) ?? 0;
  }
}

export function idOf({ target, body }: Pick<Received, "target" | "body">): string {
  return /[?&]id=([^&]*)$/.exec(target)?.[1] ?? /"id":"([^"]*)"/.exec(body)?.[1] ?? "";
}
