/** What a customer asks for. The shop's idempotency key is the order id: sending it again never pays twice. */
export interface Order {
  readonly orderId: string;
  /** In the currency's smallest unit, so that money is never a fraction. */
  readonly amount: number;
  readonly currency: "KRW" | "USD";
  /** `card` tries provider A, then B; `transfer` needs only B. */
  readonly method: "card" | "transfer";
}

/** One try to pay an order. A customer whose card was declined may try again: that is a new operation. */
export interface Payment extends Order {
  readonly attempt: number;
}

/** A stored order, as both lanes keep it. */
export interface OrderRow {
  readonly id: string;
  readonly amount: number;
  readonly currency: string;
  readonly method: string;
  readonly status: "paying" | "paid" | "unpaid";
  readonly attempt: number;
  readonly provider: string | null;
  readonly reason: string | null;
}

/** JSON Schema of a checkout's body. Field descriptions become the fix in an error's message. */
export const checkoutBody = {
  type: "object",
  additionalProperties: false,
  required: ["orderId", "amount"],
  properties: {
    orderId: {
      type: "string",
      pattern: "^[A-Za-z0-9_-]{1,64}$",
      description: "1 to 64 characters out of A-Z, a-z, 0-9, _ and -",
    },
    amount: {
      type: "integer",
      minimum: 1,
      maximum: 1_000_000_000,
      description: "a whole number of the currency's smallest unit, from 1 to 1000000000",
    },
    currency: { type: "string", enum: ["KRW", "USD"], default: "KRW", description: '"KRW" or "USD"' },
    method: {
      type: "string",
      enum: ["card", "transfer"],
      default: "card",
      description: '"card" (provider A, then B) or "transfer" (provider B only)',
    },
  },
} as const;

/** JSON Schema of the order id in an address. */
export const orderParams = {
  type: "object",
  properties: { id: checkoutBody.properties.orderId },
} as const;

/** Whether a repeated order asks for the same thing as the stored one. */
export function sameOrder(row: OrderRow, order: Order): boolean {
  return row.amount === order.amount && row.currency === order.currency && row.method === order.method;
}
