import { expect, test } from "vitest";
import { paymentsThrough } from "./support/payments.ts";
import { useAnyShop } from "./support/shop.ts";

const shop = useAnyShop("ledger_ahead");

/** A node whose provider answers at once, until so many were asked: from then on it hangs. */
function nodeThatHangsAfter(answers: number, drain: `${number}ms` = "50ms") {
  const seen = { asked: 0, asking: 0, most: 0 };
  const node = shop.node({
    concurrency: 2,
    lease: "10s",
    pollEvery: "1h",
    drain,
    definition: {
      providers: {
        a: {
          ...paymentsThrough(() => shop.a.url),
          async call(order, { signal }) {
            seen.asked += 1;
            seen.asking += 1;
            seen.most = Math.max(seen.most, seen.asking);
            if (seen.asked > answers) {
              await new Promise((resolve) => signal.addEventListener("abort", resolve, { once: true }));
            }
            seen.asking -= 1;
            return { charge: `ch-${order.id}` };
          },
        },
      },
    },
  });
  return { node, seen };
}

async function enqueued(name: string, count: number): Promise<readonly string[]> {
  const maker = shop.node();
  const keys = Array.from({ length: count }, (_, index) => `${name}${index}`);
  for (const key of keys) await maker.pay.enqueue({ id: key, amount: 1 }, { key, providers: ["a"] });
  return keys;
}

const table = (): string => shop.database.table("operation");

async function waiting(
  name: string,
): Promise<readonly { readonly tries: number; readonly isDue: boolean }[]> {
  const rows = await shop.database.query(
    `select tries, due_at <= ${shop.database.instant(0)} as due from ${table()}
     where state = 'READY' and operation = 'pay' and ${table()}.key like '${name}%'`,
  );
  return rows.map((row) => ({ tries: Number(row["tries"]), isDue: Boolean(row["due"]) }));
}

test("what is claimed ahead of a provider that begins to hang goes to others, and was not tried", async () => {
  const keys = await enqueued("h", 60);
  const { node, seen } = nodeThatHangsAfter(40);
  node.ledger.start();
  await expect.poll(() => seen.asking, { timeout: 30_000 }).toBe(2);
  expect(seen.most).toBe(2);
  // A tenth of its lease, and not all of it.
  await expect
    .poll(async () => (await waiting("h")).every(({ tries, isDue }) => tries === 0 && isDue), {
      timeout: 5_000,
    })
    .toBe(true);
  const other = shop.node();
  other.ledger.start();
  await expect
    .poll(
      async () => {
        const statuses = await Promise.all(keys.map((key) => shop.status(key)));
        return statuses.filter((status) => status === "paid").length;
      },
      { timeout: 30_000 },
    )
    .toBe(58);
});

test("what is claimed ahead is given back at once when its process stops", async () => {
  await enqueued("s", 60);
  const { node, seen } = nodeThatHangsAfter(40);
  node.ledger.start();
  await expect.poll(() => seen.asking, { timeout: 30_000 }).toBe(2);
  await node.ledger.stop();
  const left = await waiting("s");
  expect(left.length).toBeGreaterThanOrEqual(18);
  expect(left.every(({ tries, isDue }) => tries === 0 && isDue)).toBe(true);
});
