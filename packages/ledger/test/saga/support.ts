import type {
  Ledger,
  LedgerEvent,
  ManyProvidersDefinition,
  Operation,
  Saga,
  SagaDefinition,
  SagaStep,
} from "@outrigger/ledger";
import { type Order, type Payment, paymentsThrough } from "../support/payments.ts";
import { type AnyShop, type NodeOptions, quick } from "../support/shop.ts";

/** What a trip is booked with. */
export interface Trip {
  readonly id: string;
}

export const stepNames = ["flight", "hotel", "car", "pay", "mail", "refund"] as const;
export type StepName = (typeof stepNames)[number];
export type Booked = Readonly<Record<StepName, Payment>>;
export type TripStep = SagaStep<Trip, Booked>;

/** Short waits, so that a test waits for nothing else. */
export const fast = { retryFirst: "20ms", retryMax: "60ms" } as const;

/** One process with an operation for each name, all at the shop's first provider. */
export interface TripNode {
  readonly ledger: Ledger<unknown>;
  readonly events: readonly LedgerEvent[];
  readonly operations: Readonly<Record<StepName, Operation<Order, Payment, unknown>>>;
  saga(
    steps: SagaDefinition<Trip, Booked>["steps"],
    more?: Partial<SagaDefinition<Trip, Booked>>,
  ): Saga<Trip, Booked, unknown>;
  step(name: StepName, more?: Partial<TripStep>): TripStep;
  crash(): Promise<void>;
  close(): Promise<void>;
}

export interface TripOptions extends NodeOptions<unknown> {
  /** Operations whose provider has no cancel. */
  readonly final?: readonly StepName[];
  readonly definitions?: Readonly<
    Partial<Record<StepName, Partial<ManyProvidersDefinition<unknown, Order, Payment>>>>
  >;
  /** The saga's name, so that tests that share a database leave each other's alone. */
  readonly trip?: string;
}

/** The business row of a step, in the table of the orders. */
export const rowOf = (trip: string, step: StepName): string => `${trip}/${step}`;

export function tripNode(shop: AnyShop, options: TripOptions = {}): TripNode {
  const { final = [], definitions = {}, trip = "trip", ...rest } = options;
  // Its own operation is not used; every name has one of its own.
  const node = shop.node({ operation: "unused", ...rest });
  const through = paymentsThrough(() => shop.a.url);
  const { cancel: _, ...noCancel } = through;
  const make = (name: StepName): Operation<Order, Payment, unknown> =>
    node.ledger.operation<Order, Payment>(`${trip}.${name}`, {
      providers: {
        a: final.includes(name)
          ? {
              ...noCancel,
              capabilities: { idempotencyKey: { window: "1d" }, inquiry: {}, maxInFlight: "50ms" },
            }
          : through,
      },
      ...shop.database.orders,
      ...(final.includes(name) && { accept: "detect-only" }),
      unknown: { ...quick.unknown, ...(final.includes(name) && { onNotFound: "resend" }) },
      ...definitions[name],
    });
  const operations = Object.fromEntries(
    stepNames.map((name) => [name, make(name)]),
  ) as TripNode["operations"];
  return {
    ledger: node.ledger,
    events: node.events,
    operations,
    saga: (steps, more = {}) => node.ledger.saga<Trip, Booked>(trip, { version: 1, ...fast, ...more, steps }),
    step: (name, more = {}) => ({
      name,
      operation: operations[name],
      input: ({ input }) => ({ id: rowOf(input.id, name), amount: 1 }),
      ...more,
    }),
    crash: node.crash,
    close: node.close,
  };
}

/** The key under which a step's call reaches the provider. */
export const keyAt = (trip: string, step: StepName, id: string, suffix = ""): string =>
  `${trip}:${id}:${step}${suffix}`;

/** What of a trip stands at the provider and in the business table: by step, charges that are active and the row. */
export async function standing(
  shop: AnyShop,
  id: string,
  steps: readonly StepName[],
  trip = "trip",
): Promise<Readonly<Record<string, string>>> {
  const found = await Promise.all(
    steps.map(async (step) => {
      const charges = shop.a.activeCharges(keyAt(trip, step, id));
      return [step, `${charges} ${(await shop.status(rowOf(id, step))) ?? "none"}`] as const;
    }),
  );
  return Object.fromEntries(found);
}

/** Resolves with how a saga has ended. */
export async function ended(node: TripNode, id: string, trip = "trip", withinMs = 20_000): Promise<string> {
  const until = performance.now() + withinMs;
  for (;;) {
    const record = await node.ledger.sagas.find({ saga: trip, key: id });
    if (record !== undefined && (record.state === "DONE" || record.state === "COMPENSATED"))
      return record.state;
    if (performance.now() > until) throw new Error(`has not ended: ${JSON.stringify(record, undefined, 1)}`);
    await new Promise((resolve) => setTimeout(resolve, 15));
  }
}
