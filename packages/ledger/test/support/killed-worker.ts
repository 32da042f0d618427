import { createLedger } from "@outrigger/ledger";
import type { ConnectionOptions, ShopDatabase } from "./databases/database.ts";
import { type Order, type Payment, paymentsThrough } from "./payments.ts";

// Entry file of a process that makes one payment and kills itself, without a chance to tidy up, at one step.
const { module, url, provider, key, step } = JSON.parse(process.argv[2] ?? "") as Record<string, string>;
const { connect, orders } = (await import(module ?? "")) as {
  connect: (options: ConnectionOptions) => ReturnType<ShopDatabase<unknown>["connect"]>;
  orders: ShopDatabase<unknown>["orders"];
};
const ledger = createLedger({
  sql: connect({ name: `killed_${process.pid}`, url: url ?? "" }).sql,
  // Long enough for one call on a busy machine; whoever recovers waits for its end.
  lease: "4s",
  onStep: (name) => {
    if (name === step) process.kill(process.pid, "SIGKILL");
  },
});
const pay = ledger.operation<Order, Payment>("pay", {
  providers: { a: paymentsThrough(() => provider ?? "") },
  ...orders,
});
await pay.run({ id: key ?? "", amount: 1 }, { key: key ?? "" });
