import type { FaultKind, Provider } from "@outrigger/lab";
import type { JournalLine } from "./audit/order-book.ts";

/** A running sandbox provider, as the console and the storm see it: only through its addresses. */
export interface ProviderHandle {
  readonly name: string;
  readonly url: string;
  readonly controlUrl: string;
  /** Lines of the journal after the first `from` ones. */
  journal(from?: number): Promise<readonly JournalLine[]>;
  fault(): Promise<{ readonly kind: FaultKind; readonly used: Readonly<Record<string, number>> }>;
  setFault(kind: FaultKind): Promise<void>;
}

export function providerHandle({ name, url, controlUrl }: Provider): ProviderHandle {
  const ask = async (path: string, init: RequestInit = {}): Promise<Response> => {
    const response = await fetch(controlUrl + path, { ...init, signal: AbortSignal.timeout(2_000) });
    if (!response.ok) throw new Error(`provider ${name} answered ${response.status} to ${path}`);
    return response;
  };
  return {
    name,
    url,
    controlUrl,
    async journal(from = 0) {
      const text = await (await ask(`/journal?from=${from}`)).text();
      return text
        .split("\n")
        .filter((line) => line !== "")
        .map((line) => JSON.parse(line) as JournalLine);
    },
    async fault() {
      return (await (await ask("/fault")).json()) as Awaited<ReturnType<ProviderHandle["fault"]>>;
    },
    async setFault(kind) {
      await ask("/fault", {
        method: "PUT",
        headers: { "content-type": "application/json" },
        body: JSON.stringify({ kind }),
      });
    },
  };
}
