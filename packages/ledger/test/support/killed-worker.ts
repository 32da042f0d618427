import { createLedger } from "@outrigger/ledger";
import { reached } from "./databases/reached.ts";
import { type Order, type Payment, paymentsThrough } from "./payments.ts";

// Entry file of a process that makes one payment and kills itself, without a chance to tidy up, at one step.
const { module, url, provider, key, step } = JSON.parse(process.argv[2] ?? "") as Record<string, string>;
const { sql, orders } = await reached(module, url);
const ledger = createLedger({
  sql,
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
