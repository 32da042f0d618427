import type { IncomingMessage } from "node:http";
import { assertKnownKeys, assertObject, integerIn, show } from "@outrigger/core";
import type { ChargeRequest } from "./books.ts";
import { Problem } from "./problem.ts";

/** @throws Problem 400 that names the field and what it must be. */
export function parseCharge(body: unknown): ChargeRequest {
  return validated(() => {
    assertObject("the body", body);
    assertKnownKeys("", body, ["orderId", "amount", "currency"]);
    const { currency } = body;
    if (typeof currency !== "string" || !/^[A-Z]{3}$/.test(currency)) {
      throw new TypeError(`currency must be three capital letters, such as "KRW"; got ${show(currency)}`);
    }
    return {
      orderId: parseOrderId(body["orderId"]),
      amount: integerIn("amount", body["amount"], 1, 1_000_000_000_000),
      currency,
    };
  });
}

/** @throws Problem 400 that names the field and what it must be. */
export function parseCancel(body: unknown): { readonly key: string; readonly orderId: string } {
  return validated(() => {
    assertObject("the body", body);
    assertKnownKeys("", body, ["key", "orderId"]);
    return { key: parseKey("key", body["key"]), orderId: parseOrderId(body["orderId"]) };
  });
}

/** @throws Problem 400. */
export function parseInquiry(url: URL): string {
  return validated(() => {
    const ids = url.searchParams.getAll("orderId");
    if (ids.length !== 1) throw new TypeError(`give exactly one orderId in the query; got ${ids.length}`);
    return parseOrderId(ids[0]);
  });
}

/** @throws Problem 400. */
export function keyOf(request: IncomingMessage): string | undefined {
  const key = request.headers["idempotency-key"];
  return key === undefined ? undefined : validated(() => parseKey("Idempotency-Key", key));
}

function parseOrderId(value: unknown): string {
  if (typeof value !== "string" || value.length < 1 || value.length > 200 || !printable(value)) {
    throw new TypeError(`orderId must be 1 to 200 characters without control characters; got ${show(value)}`);
  }
  return value;
}

function parseKey(path: string, value: unknown): string {
  if (typeof value !== "string" || !/^[!-~]{1,255}$/.test(value)) {
    throw new TypeError(
      `${path} must be 1 to 255 visible ASCII characters without spaces; got ${show(value)}`,
    );
  }
  if (value.startsWith("anon-")) {
    throw new TypeError(`${path} must not start with "anon-": charges without a key are named so`);
  }
  return value;
}

function printable(text: string): boolean {
  return !/\p{Cc}/u.test(text);
}

function validated<T>(parse: () => T): T {
  try {
    return parse();
  } catch (error) {
    throw new Problem(400, "INVALID_REQUEST", error instanceof Error ? error.message : String(error));
  }
}
