import { createLedger, type SagaStep } from "@outrigger/ledger";
import { reached } from "../support/databases/reached.ts";
import { type Order, type Payment, paymentsThrough } from "../support/payments.ts";

// Entry file of a process that runs one saga and kills itself, without a chance to tidy up, at its nth step.
const { module, url, provider, trip, id, at } = JSON.parse(process.argv[2] ?? "") as Record<string, string>;
const { sql, orders } = await reached(module, url);
const left = { steps: Number(at) };
const ledger = createLedger({
  sql,
  // Long enough for one call on a busy machine; whoever recovers waits for its end.
  lease: "4s",
  pollEvery: "20ms",
  onStep: () => {
    left.steps -= 1;
    if (left.steps === 0) process.kill(process.pid, "SIGKILL");
  },
});
const step = (name: string): SagaStep<{ id: string }, Record<string, Payment>> => ({
  name,
  operation: ledger.operation<Order, Payment>(`${trip}.${name}`, {
    providers: { a: paymentsThrough(() => provider ?? "") },
    ...orders,
    unknown: { notFoundAfter: "0ms", retryFirst: "10ms", retryMax: "40ms" },
  }),
  input: ({ input }) => ({ id: `${input.id}/${name}`, amount: 1 }),
});
const saga = ledger.saga<{ id: string }, Record<string, Payment>>(trip ?? "", {
  version: 1,
  retryFirst: "20ms",
  retryMax: "60ms",
  steps: [step("flight"), [step("hotel"), step("car")], step("pay")],
});
await saga.run({ id: id ?? "" }, { key: id ?? "" });
ledger.start();
for (;;) {
  const record = await saga.find(id ?? "");
  if (record?.nextAt === null) break;
  await new Promise((resolve) => setTimeout(resolve, 10));
}
// It lived: there is no such step.
process.exit(17);
