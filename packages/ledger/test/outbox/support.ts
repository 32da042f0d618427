import type { Outbox, OutboxMessage, OutboxOptions } from "@outrigger/ledger";
import type { AnyNode, AnyShop, NodeOptions } from "../support/shop.ts";

export interface Note {
  readonly n: number;
}

export const fast = { retryFirst: "10ms", retryMax: "40ms" } as const;

/** What arrived, in the order in which it did. */
export interface Arrived {
  readonly key: string;
  readonly n: number;
  readonly by: string;
}

export interface NotingNode extends AnyNode {
  readonly notes: Outbox<Note, unknown>;
}

/** A process with the outbox "notes", whose messages are appended to `arrived` unless `deliver` says otherwise. */
export function notingNode(
  shop: AnyShop,
  arrived: Arrived[],
  options: Partial<OutboxOptions<Note>> & { readonly by?: string; readonly name?: string } = {},
  node: NodeOptions<unknown> = {},
): NotingNode {
  const { by = "one", name = "notes", ...rest } = options;
  const made = shop.node({ operation: "unused", ...node });
  const notes = made.ledger.outbox<Note>(name, {
    ...fast,
    deliver: ({ key, payload }: OutboxMessage<Note>) => {
      arrived.push({ key, n: payload.n, by });
    },
    ...rest,
  });
  return { ...made, notes };
}

/** Sends in a transaction of its own, with a business row beside. */
export async function send(
  shop: AnyShop,
  { notes }: NotingNode,
  key: string,
  ...numbers: readonly number[]
): Promise<void> {
  const { tx, commit } = await shop.database.begin();
  for (const n of numbers) await notes.send(tx, { key, payload: { n } });
  await commit();
}

export const numbersOf = (arrived: readonly Arrived[], key: string): readonly number[] =>
  arrived.filter((each) => each.key === key).map(({ n }) => n);
