import { type BreakerSnapshot, Failure, type FailureKind } from "@outrigger/core";
import { VirtualClock } from "@outrigger/lab";
import type { RedundancyEvent } from "../../src/redundancy/redundancy-events.ts";
import type { RedundantIntegrationOptions } from "../../src/redundancy/redundancy-options.ts";
import { redundantIntegration } from "../../src/redundancy/redundant-integration.ts";
import { redundantRead, redundantWrite } from "../../src/redundancy/redundant-operation.ts";
import type { RequestOptions } from "../../src/request/prepare.ts";
import { HttpResponse } from "../../src/response.ts";

export type Behaviour = (options: RequestOptions, operation: string) => Promise<HttpResponse>;

export const ok: Behaviour = async () => new HttpResponse(200, {}, new Uint8Array(), (why) => new Error(why));
export const fails =
  (code: string, kind: FailureKind, effect: "none" | "unknown", retryAfterMs?: number): Behaviour =>
  async () => {
    throw new Failure(code, { code, kind, effect, retryAfterMs });
  };
/** Never answers, until it is told to stop. */
export const hangs: Behaviour = ({ signal }) =>
  new Promise((_, reject) => {
    const stop = (): void =>
      reject(new Failure("stopped", { code: "CALL_ABORTED", kind: "aborted", effect: "unknown" }));
    if (signal?.aborted === true) stop();
    signal?.addEventListener("abort", stop, { once: true });
  });

export class Fake {
  readonly name: string;
  behave: Behaviour = ok;
  circuit: Pick<BreakerSnapshot, "state" | "admittedShare"> | null = {
    state: "closed",
    admittedShare: undefined,
  };
  readonly sent: { readonly operation: string; readonly options: RequestOptions }[] = [];
  /** Of operations that have one of their own. */
  readonly circuits: Record<string, Pick<BreakerSnapshot, "state" | "admittedShare">> = {};
  looks = 0;

  constructor(name: string) {
    this.name = name;
  }

  async request(operation: string, options: RequestOptions = {}): Promise<HttpResponse> {
    this.sent.push({ operation, options });
    return await this.behave(options, operation);
  }

  snapshot(): { breaker: BreakerSnapshot | null; breakers: Record<string, BreakerSnapshot> } {
    this.looks += 1;
    return {
      breaker: this.circuit as BreakerSnapshot | null,
      breakers: this.circuits as Record<string, BreakerSnapshot>,
    };
  }
}

export const read = { operation: "read", request: (id: string) => ({ query: { id } }), answer: () => "read" };
export const write = {
  operation: "write",
  request: (id: string, { key }: { key: string }) => ({ json: { id }, key }),
  answer: () => "written",
};

export type Ops = {
  readonly read: ReturnType<typeof redundantRead<string, string>>;
  readonly write: ReturnType<typeof redundantWrite<string, string>>;
};

export function setUp(
  options: Partial<RedundantIntegrationOptions<Ops>> = {},
  operations: Partial<Ops> = {},
  draw: () => number = () => 0,
) {
  const clock = new VirtualClock();
  const [a, b] = [new Fake("api-a"), new Fake("api-b")];
  const events: RedundancyEvent[] = [];
  const payments = redundantIntegration<Ops>({
    name: "payments",
    providers: { a: { integration: a }, b: { integration: b } },
    clock,
    random: draw,
    onEvent: (event) => events.push(event),
    ...options,
    operations: {
      read: redundantRead({ providers: { a: read, b: read } }),
      write: redundantWrite({ providers: { a: write, b: write } }),
      ...operations,
    },
  });
  return { clock, a, b, events, payments };
}

export const caught = (call: Promise<unknown>): Promise<unknown> => call.catch((error: unknown) => error);
