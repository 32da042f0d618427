import { expect, test } from "vitest";
import { useShop } from "./support/shop.ts";

const shop = useShop("ledger_possible");

const states = ["READY", "SENDING", "UNKNOWN", "CANCELLING", "DONE", "FAILED", "CANCELLED", "MANUAL", "PAID"];
const ended = ["DONE", "FAILED", "CANCELLED", "MANUAL"];
const mayBeCancelled = ["CANCELLING", "CANCELLED", "MANUAL"];

/** What the states' own rules say of a row. */
function isPossible(state: string, intent: string, isDue: boolean): boolean {
  if (state === "PAID" || !["EXECUTE", "CANCEL"].includes(intent)) return false;
  return isDue !== ended.includes(state) && (intent === "EXECUTE" || mayBeCancelled.includes(state));
}

const rows = states.flatMap((state) =>
  ["EXECUTE", "CANCEL", "WAIT"].flatMap((intent) => [true, false].map((isDue) => ({ state, intent, isDue }))),
);

test.each(rows)(
  "the database takes $state, $intent, due: $isDue, where it may be",
  async ({ state, intent, isDue }) => {
    const stored = shop.pool.query(
      `insert into outrigger.operation (operation, key, fingerprint, state, intent, fence, due_at, provider, providers,
       request, created_at, updated_at)
     values ('pay', $1, '', $2, $3, 1, case when $4 then now() end, 'a', '{a}', '{}', now(), now())`,
      [`${state}-${intent}-${isDue}`, state, intent, isDue],
    );
    if (isPossible(state, intent, isDue)) await stored;
    else await expect(stored).rejects.toMatchObject({ code: "23514" });
  },
);
