import type { OperationDetail, OperationFilter, OperationMove, OperationPage } from "@outrigger/console";
import { Failure } from "@outrigger/core";
import {
  createLedger,
  type Ledger,
  ledgerFailureCodes,
  type OperationRecord,
  openStates,
  personMoves,
} from "@outrigger/ledger";
import type { FastifyInstance, FastifyReply } from "fastify";
import { ledgerSchema } from "../database/shop-database.ts";
import { paymentProvider } from "../shop/payment-providers.ts";
import { paymentOperation } from "../shop/protected-lane.ts";
import type { Stack } from "../stack.ts";

const pageRows = 20;
const rowsAtMost = 500;

/**
 * The ledger's operations for people: what is open, one operation's story, and a person's moves. It defines the operation
 * as the shop does, so that a person's word is written with the order's own row, and never starts a resolver.
 */
export class LedgerDesk {
  readonly #providers: readonly ReturnType<typeof paymentProvider>[];
  readonly #ledger: Ledger<unknown>;

  constructor(stack: Stack) {
    const { sql, orders } = stack.database;
    this.#ledger = createLedger({ sql, schema: ledgerSchema, lease: "8s" });
    const providers = stack.providers.map(({ name, url }) => [name, paymentProvider(name, url)] as const);
    this.#providers = providers.map(([, provider]) => provider);
    paymentOperation(this.#ledger, orders, Object.fromEntries(providers));
  }

  async list(filter: OperationFilter, after: string | undefined, atLeast: number): Promise<OperationPage> {
    return await this.#ledger.list({
      states: filter === "OPEN" ? openStates : [filter],
      limit: Math.min(rowsAtMost, Math.max(pageRows, atLeast)),
      after,
    });
  }

  async find(id: string): Promise<OperationDetail | undefined> {
    const record = await this.#ledger.find(id);
    return record === undefined ? undefined : detailOf(record);
  }

  /** @throws Failure when the ledger refuses it, or the database is away; TypeError without a reason or a name. */
  async make(id: string, { move, reason, by }: OperationMove): Promise<OperationDetail> {
    if (move === "retry") return detailOf(await this.#ledger.retry(id, { reason, by }));
    if (move === "cancel") return detailOf(await this.#ledger.cancel(id, { reason, by }));
    const as = move === "commit" ? "committed" : "abandoned";
    return detailOf(await this.#ledger.resolve(id, { as, reason, by }));
  }

  async close(): Promise<void> {
    await Promise.all(this.#providers.map((each) => each.close()));
  }
}

function detailOf(record: OperationRecord): OperationDetail {
  return { ...record, possible: personMoves(record) };
}

const states = ["OPEN", "READY", "SENDING", "UNKNOWN", "CANCELLING", "MANUAL", "DONE", "FAILED", "CANCELLED"];
const uuid = "^[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}$";
const params = { type: "object", properties: { id: { type: "string", pattern: uuid } } };
const text = { type: "string", minLength: 1, maxLength: 500, pattern: "\\S" };

/** Strangers are refused by the server, for these addresses as for its others. */
export function ledgerRoutes(app: FastifyInstance, desk: LedgerDesk): void {
  app.get<{ Querystring: { state: OperationFilter; after?: string; atLeast?: number } }>(
    "/api/operations",
    {
      schema: {
        querystring: {
          type: "object",
          additionalProperties: false,
          properties: {
            state: { type: "string", enum: states, default: "OPEN" },
            after: { type: "string", pattern: uuid },
            atLeast: { type: "integer", minimum: 0 },
          },
        },
      },
    },
    async ({ query }, reply) => await answer(reply, desk.list(query.state, query.after, query.atLeast ?? 0)),
  );

  app.get<{ Params: { id: string } }>(
    "/api/operations/:id",
    { schema: { params } },
    async (request, reply) => await answer(reply, desk.find(request.params.id)),
  );

  app.post<{ Params: { id: string }; Body: OperationMove }>(
    "/api/operations/:id/moves",
    {
      schema: {
        params,
        body: {
          type: "object",
          required: ["move", "reason", "by"],
          additionalProperties: false,
          properties: {
            move: { type: "string", enum: ["retry", "cancel", "commit", "abandon"] },
            reason: text,
            by: text,
          },
        },
      },
    },
    async (request, reply) => await answer(reply, desk.make(request.params.id, request.body)),
  );
}

/** A refusal of the ledger is a conflict; whatever else a failure is, the database was away. */
const refusals: ReadonlySet<string> = new Set([
  ledgerFailureCodes.notRetryable,
  ledgerFailureCodes.notCancellable,
  ledgerFailureCodes.notResolvable,
]);

async function answer(reply: FastifyReply, work: Promise<object | undefined>): Promise<unknown> {
  try {
    const found = await work;
    return found ?? (await reply.code(404).send({ detail: "there is no such operation" }));
  } catch (error) {
    if (!Failure.is(error)) throw error;
    return await reply.code(refusals.has(error.code) ? 409 : 503).send({ detail: error.message });
  }
}
