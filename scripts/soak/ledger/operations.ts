import { createLedger, type Ledger, type Operation } from "@outrigger/ledger";
import type { Client } from "../../crash/databases/database.ts";
import { type DefinitionName, declaredBy, definitionNames } from "../../crash/matrix/definitions.ts";
import { behaviourIn } from "../../crash/matrix/modes.ts";
import { type Order, type Payment, providerThrough } from "../../crash/worker/payments.ts";
import { manyWritesSaid, writesSaid } from "../../crash/worker/said.ts";
import { traitsOf } from "./traits.ts";

export interface SoakLedger<Tx> {
  readonly ledger: Ledger<Tx>;
  readonly operations: ReadonlyMap<DefinitionName, Operation<Order, Payment, Tx>>;
}

/** Every definition of the matrix in one ledger, as one process of a shop would have them. */
export function soakLedger<Tx>(client: Client<Tx>, provider: string, seed: number): SoakLedger<Tx> {
  const ledger = createLedger<Tx>({
    sql: client.sql,
    lease: "3s",
    concurrency: 16,
    drain: "2s",
    // So that the hot table shows whether it stays small; copies wait for their originals as ever.
    retention: { moveAfter: "1s", every: "2s", batch: 1_000 },
  });
  const operations = new Map<DefinitionName, Operation<Order, Payment, Tx>>();
  for (const name of definitionNames) {
    const declared = declaredBy(name);
    const way = { url: provider, declared, weakness: undefined, sending: async () => {} };
    const prepare = async (tx: Tx, order: Order): Promise<void> => {
      await client.orders.begin(tx, order.id);
    };
    const rejects = (order: string): boolean =>
      behaviourIn(traitsOf(order, seed).mode).commitRejected === true;
    const commit = async (tx: Tx, order: Order): Promise<void> => {
      if (rejects(order.id)) throw new Error("sold out");
      await client.orders.end(tx, order.id, "paid");
    };
    operations.set(
      name,
      ledger.operation<Order, Payment>(name, {
        prepare,
        commit,
        abandon: async (tx: Tx, order: Order) => {
          await client.orders.end(tx, order.id, "void");
        },
        ...(declared.bySaying === true && writesSaid(rejects)),
        providers: Object.fromEntries(declared.providers.map((each) => [each, providerThrough(way, each)])),
        unknown: declared.unknown,
        ...(declared.accept !== undefined && { accept: declared.accept }),
        ...(declared.operations > 1 && {
          many:
            declared.bySaying === true
              ? manyWritesSaid(rejects)
              : {
                  async prepare(tx: Tx, inputs: readonly Order[]) {
                    for (const order of inputs) await prepare(tx, order);
                  },
                  async commit(tx: Tx, items: readonly { readonly input: Order }[]) {
                    for (const { input } of items) await commit(tx, input);
                  },
                },
        }),
      }),
    );
  }
  return { ledger, operations };
}
