import { type Call, concurrencyLimit, execute } from "@outrigger/core";
import type { HttpIntegration } from "@outrigger/http";
import type { Ledger } from "@outrigger/ledger";
import fastify, { type FastifyInstance, type FastifyReply, type FastifyRequest } from "fastify";
import type { ShopDatabase } from "../database/shop-database.ts";
import { bareCheckout } from "./bare-lane.ts";
import { RecentLatency } from "./latency.ts";
import { checkoutBody, type Order, type OrderRow, orderParams } from "./order.ts";
import { answerError, ProblemError, problemOfFailure, sendProblem } from "./problem.ts";
import { paymentOperation, protectedCheckout, withdrawOrder } from "./protected-lane.ts";
import { integrationStatus, type LaneMeter, laneStatus, type ShopStatus } from "./status.ts";

export interface ShopParts<Tx> {
  readonly database: ShopDatabase<Tx>;
  readonly ledger: Ledger<Tx>;
  readonly providers: Readonly<Record<string, HttpIntegration>>;
  readonly providerUrls: Readonly<Record<string, string>>;
}

type CheckoutRequest = FastifyRequest<{ Body: Order }>;
type OrderRequest = FastifyRequest<{ Params: { id: string } }>;

/** Checkouts of the protected lane at a time. More are told to come back rather than left to pile up. */
const checkoutsAtATime = 200;

/** How long a closing shop lets its customers finish, in milliseconds. */
const graceMs = 3_000;

/** The shop's HTTP service: the protected lane at `/checkout`, the bare one at `/bare/checkout`. */
export function shopApp<Tx>({
  database: { orders, bare },
  ledger,
  providers,
  providerUrls,
}: ShopParts<Tx>): FastifyInstance {
  const app = fastify({
    logger: { level: "error" },
    bodyLimit: 16_384,
    ajv: { customOptions: { removeAdditional: false, coerceTypes: false } },
  });
  const meters = { bare: newMeter(), outrigger: newMeter() };
  const payments = paymentOperation(ledger, orders, providers);
  const admission = concurrencyLimit({ name: "checkouts", limit: checkoutsAtATime });
  const checkout: Call<Order, Awaited<ReturnType<typeof protectedCheckout>>> = admission((order) =>
    protectedCheckout(orders, payments, order),
  );

  // A connection on which no request ever came is not idle to Node, and would keep a closing server open.
  let cutOff: NodeJS.Timeout | undefined;
  app.addHook("preClose", async () => {
    cutOff = setTimeout(() => app.server.closeAllConnections(), graceMs);
  });
  app.addHook("onClose", async () => clearTimeout(cutOff));

  app.removeContentTypeParser("text/plain");
  app.setErrorHandler(answerError);
  app.setNotFoundHandler((request, reply) =>
    sendProblem(reply, {
      status: 404,
      code: "NOT_FOUND",
      title: "Not found",
      detail: `no ${request.method} here`,
    }),
  );

  app.get("/health", () => ({ status: "ok" }));
  app.get(
    "/status",
    async (): Promise<ShopStatus> => ({
      pid: process.pid,
      lanes: {
        bare: laneStatus(meters.bare, bare.use),
        outrigger: laneStatus(meters.outrigger, orders.use),
      },
      integrations: integrationStatus(providers),
      ledger: await ledger.snapshot(),
    }),
  );

  app.post(
    "/checkout",
    { schema: { body: checkoutBody }, onRequest: measure(meters.outrigger) },
    async (request: CheckoutRequest, reply) => {
      const { row, failure } = await execute(checkout, request.body);
      return failure === undefined ? answerOrder(reply, row) : sendProblem(reply, problemOfFailure(failure));
    },
  );
  app.get("/orders/:id", { schema: { params: orderParams } }, async (request: OrderRequest, reply) => {
    const row = await orders.find(request.params.id);
    if (row === undefined) throw unknownOrder(request.params.id);
    return answerOrder(reply, row, 200);
  });

  app.post(
    "/orders/:id/withdrawal",
    { schema: { params: orderParams } },
    async (request: OrderRequest, reply) => {
      const row = await withdrawOrder(orders, request.params.id);
      if (row === undefined) throw unknownOrder(request.params.id);
      if (row.status === "paid") throw alreadyPaid(row.id);
      return answerOrder(reply, row);
    },
  );

  app.post(
    "/bare/checkout",
    { schema: { body: checkoutBody }, onRequest: measure(meters.bare) },
    async (request: CheckoutRequest, reply) =>
      answerOrder(reply, await bareCheckout(bare, providerUrls, request.body)),
  );
  return app;
}

function newMeter(): LaneMeter {
  return { latency: new RecentLatency(), rejected: 0 };
}

/** Until the answer has left or the customer has: whoever gave up waited too. */
function measure(meter: LaneMeter) {
  return async (_request: FastifyRequest, reply: FastifyReply): Promise<void> => {
    const startedAtMs = performance.now();
    reply.raw.once("close", () => {
      meter.latency.record(performance.now() - startedAtMs, reply.raw.writableFinished);
      if (reply.statusCode === 503) meter.rejected += 1;
    });
  };
}

/** 200 when the order is settled; 202 with the address to ask later when its outcome is not yet known. */
function answerOrder(reply: FastifyReply, row: OrderRow, pendingStatus = 202): FastifyReply {
  const body = {
    orderId: row.id,
    amount: row.amount,
    currency: row.currency,
    status: row.status === "paying" ? "pending" : row.status,
    ...(row.provider === null ? {} : { provider: row.provider }),
    ...(row.reason === null ? {} : { reason: row.reason }),
  };
  if (row.status !== "paying") return reply.code(200).send(body);
  return reply
    .code(pendingStatus)
    .header("location", `/orders/${row.id}`)
    .header("retry-after", "1")
    .send(body);
}

function alreadyPaid(id: string): ProblemError {
  return new ProblemError({
    status: 409,
    code: "ORDER_PAID",
    title: "Order is paid",
    detail: `order "${id}" is paid; a paid order is not withdrawn but refunded, which this shop does not do`,
  });
}

function unknownOrder(id: string): ProblemError {
  return new ProblemError({
    status: 404,
    code: "ORDER_NOT_FOUND",
    title: "Order not found",
    detail: `no order "${id.slice(0, 64)}" is stored; a checkout that was refused before anything was stored leaves none`,
  });
}
