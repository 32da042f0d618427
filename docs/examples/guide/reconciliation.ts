import { createReadStream } from "node:fs";
import {
  createReconciliation,
  type Ledger,
  listPages,
  type Operation,
  type Reconciliation,
  type RemoteRow,
  reportCsv,
  reportHtml,
  statementFile,
} from "@outrigger/ledger";

export interface Order {
  readonly id: string;
  readonly amount: string;
}

export interface Charge {
  readonly chargeId: string;
}

interface ListedCharge {
  readonly id: string;
  readonly reference: string;
  readonly created: number;
  readonly status: "succeeded" | "failed" | "refunded";
  readonly amount: string;
}

interface Charges {
  list(query: { from: number; to: number; after?: string }): Promise<{ data: ListedCharge[]; next?: string }>;
}

export function reconcileWithList(
  ledger: Ledger,
  pay: Operation<Order, Charge>,
  charges: Charges,
): Reconciliation {
  // #region list
  const statuses = { succeeded: "succeeded", failed: "refused", refunded: "cancelled" } as const;

  const rowOf = (charge: ListedCharge): RemoteRow => ({
    key: charge.reference, // the key that the operation was run with
    id: charge.id,
    atMs: charge.created * 1000,
    status: statuses[charge.status],
    amount: charge.amount, // a decimal as text: "10.50"
    currency: "EUR",
  });

  const reconciliation = createReconciliation(ledger, {
    name: "payments",
    operation: pay,
    from: "2026-01-01", // the first day
    remote: ({ fromAtMs, toAtMs }) =>
      listPages(async (after) => {
        const page = await charges.list({
          from: fromAtMs,
          to: toAtMs,
          ...(after !== undefined && { after }),
        });
        return { items: page.data, next: page.next };
      }, rowOf),
    local: (order) => ({ amount: order.amount, currency: "EUR" }),
    result: (row) => ({ chargeId: row.id }), // what commit gets of an effect that only the list knows
  });
  // #endregion
  return reconciliation;
}

export function reconcileWithFile(
  ledger: Ledger,
  pay: Operation<Order, Charge>,
  pathOf: (fromAtMs: number, toAtMs: number) => string,
  refund: (chargeId: string) => Promise<string>,
): Reconciliation {
  // #region file
  const reconciliation = createReconciliation(ledger, {
    name: "settlement",
    operation: pay,
    from: "2026-01-01",
    utcOffset: "+09:00", // where the provider's day begins
    overlap: "1d",
    youngFor: "26h", // the file of a day is there on the next one
    remote: ({ fromAtMs, toAtMs }) =>
      statementFile(
        createReadStream(pathOf(fromAtMs, toAtMs)),
        { type: "csv", encoding: "utf-8" },
        (line) => {
          if (line["type"] !== "CHARGE") return undefined; // a sum, a fee
          return {
            key: String(line["order"]),
            id: String(line["charge"]),
            atMs: Date.parse(String(line["time"])),
            status: "succeeded",
            amount: String(line["amount"]),
            currency: String(line["currency"]),
          };
        },
      ),
    local: (order) => ({ amount: order.amount, currency: "EUR" }),
    result: (row) => ({ chargeId: row.id }),
    on: {
      doneWithoutRemote: "apply", // the provider is asked, and a person is told when it knows nothing of it
      orphanRemote: async (finding) => `refunded by ${await refund(finding.key)}`,
    },
  });
  // #endregion
  return reconciliation;
}

export async function runIt(
  reconciliation: Reconciliation,
): Promise<{ html: string; csv: string; json: string }> {
  // #region run
  reconciliation.start(); // does each day when it is old enough; or await reconciliation.run() in a job

  const report = await reconciliation.report({ from: "2026-11-01", to: "2026-11-30" });
  const html = reportHtml(report);
  const csv = reportCsv(report);
  const json = JSON.stringify(report);
  // #endregion
  await reconciliation.stop();
  return { html, csv, json };
}
