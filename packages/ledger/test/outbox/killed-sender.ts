import { createLedger, fromPgPool } from "@outrigger/ledger";
import pg from "pg";

// Entry file of a process that delivers, and kills itself, without a chance to tidy up, at its nth step.
const { database, receiver, at } = JSON.parse(process.argv[2] ?? "") as Record<string, string>;
const left = { steps: Number(at) };
const ledger = createLedger({
  sql: fromPgPool(new pg.Pool({ connectionString: database, max: 4 })),
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
    const url = `${receiver}/?key=${key}&n=${payload.n}&sequence=${sequence}`;
    const response = await fetch(url, { method: "POST", signal });
    if (response.status !== 200) throw new Error(`answered ${response.status}`);
  },
});
ledger.start();
