import { expect, onTestFinished, test } from "vitest";
import { inTurn, type LocalProvider, localProvider, type Told } from "../recipes/local-provider.ts";
import { north, type Order, pay, paymentsBehindOneName, shiftTraffic, south, takeOut } from "./redundancy.ts";

const order: Order = { id: "order-1", amount: 15_000, method: "card" };

/** Two providers that keep books; `charges` and `cancels` say what becomes of north's answers. */
async function providers(charges: () => Told, cancels: () => Told = () => ({})) {
  const charged = new Set<unknown>();
  const northSide = await localProvider(({ route, headers, body }) => {
    if (route === "GET /v1/fees") return { json: { fee: 1.5 } };
    if (route === "POST /v1/cancels") {
      const told = cancels();
      if (told.status === undefined) charged.delete((JSON.parse(body) as { key: string }).key);
      return told;
    }
    const told = charges();
    if (told.status === undefined) charged.add(headers["idempotency-key"]);
    return told;
  });
  const southSide = await localProvider(({ route }) =>
    route === "GET /fees" ? { json: { won: 1.6 } } : { json: { receipt: "s-1" } },
  );
  const [northApi, southApi] = [north(northSide.url), south(southSide.url)];
  onTestFinished(async () => {
    await Promise.all([northApi.close({ within: "0ms" }), southApi.close({ within: "0ms" })]);
  });
  return { northSide, southSide, charged, payments: paymentsBehindOneName(northApi, southApi) };
}

const headersOf = (provider: LocalProvider): string =>
  JSON.stringify(provider.asked.map(({ headers }) => headers));

test("a charge goes to the first provider while it is well", async () => {
  const { payments, southSide } = await providers(() => ({ json: { chargeId: "n-1" } }));
  expect(await pay(payments, order)).toBe("n-1 by north");
  expect(southSide.asked).toEqual([]);
});

test("a charge whose answers are lost is cancelled there and made by the other provider", async () => {
  const { payments, northSide, southSide, charged } = await providers(() => ({ lost: true }));
  expect(await pay(payments, order)).toBe("s-1 by south");
  expect([charged.size, northSide.count("POST /v1/cancels"), southSide.count("POST /pay")]).toEqual([
    0, 1, 1,
  ]);
  expect(headersOf(southSide)).not.toContain("north-secret");
});

test("a charge that can neither be confirmed nor cancelled stays open at its provider, and nobody else makes it", async () => {
  const { payments, southSide } = await providers(
    () => ({ lost: true }),
    () => ({ status: 500 }),
  );
  expect(await pay(payments, order)).toBe("open at north");
  expect(southSide.asked).toEqual([]);
});

test("a declined card is declined", async () => {
  const { payments, southSide } = await providers(inTurn<Told>({ status: 402, json: {} }));
  expect(await pay(payments, order)).toBe("not paid: HTTP_402");
  expect(southSide.asked).toEqual([]);
});

test("what the first provider does not take goes to the second", async () => {
  const { payments, northSide } = await providers(() => ({}));
  expect(await pay(payments, { ...order, method: "transfer" })).toBe("s-1 by south");
  expect(northSide.asked).toEqual([]);
  expect((await payments.call("fees", 15_000)).value).toBe(1.5);
});

test("shares can be moved and a provider taken out", async () => {
  const { payments } = await providers(() => ({ json: { chargeId: "n-1" } }));
  expect(shiftTraffic(payments)).toEqual([0.75, 0.25]);
  await takeOut(payments);
  expect(payments.snapshot().providers[0]).toMatchObject({ draining: false });
});
