import { createLedger } from "@outrigger/ledger";
import { reached } from "../support/databases/reached.ts";

// Entry file of a process that delivers, and kills itself, without a chance to tidy up, at its nth step.
const { module, url, receiver, at } = JSON.parse(process.argv[2] ?? "") as Record<string, string>;
const { sql } = await reached(module, url);
const left = { steps: Number(at) };
const ledger = createLedger({
  sql,
  lease: "1s",
  pollEvery: "10ms",
  onStep: () => {
    left.steps -= 1;
    if (left.steps === 0) process.kill(process.pid, "SIGKILL");
  },
});
ledger.outbox<{ n: number }>("crash", {
  retryFirst: "10ms",
  retryMax: "40ms",
  async deliver({ key, payload, sequence }, { signal }) {
    const to = `${receiver}/?key=${key}&n=${payload.n}&sequence=${sequence}`;
    const response = await fetch(to, { method: "POST", signal });
    if (response.status !== 200) throw new Error(`answered ${response.status}`);
  },
});
ledger.start();
