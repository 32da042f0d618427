import type { OperationRecord } from "@outrigger/ledger";
import { paymentsThrough } from "./payments.ts";
import type { AnyNode, AnyShop, Node, NodeOptions, Shop } from "./shop.ts";

/** A node with one provider, which is the shop's first one with some of its functions replaced. */
export function singleProvider(shop: Shop, provider: object, options?: NodeOptions): Node;
export function singleProvider(shop: AnyShop, provider: object, options?: NodeOptions<unknown>): AnyNode;
export function singleProvider(shop: AnyShop, provider: object, options: NodeOptions<unknown> = {}): AnyNode {
  const through = paymentsThrough(() => shop.a.url);
  return shop.node({
    ...options,
    definition: { providers: { a: { ...through, ...provider } }, ...options.definition },
  });
}

export function recordOf<Tx>(node: AnyNode<Tx>, key: string): Promise<OperationRecord | undefined> {
  return node.ledger.find({ operation: "pay", key });
}

export function wait(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
