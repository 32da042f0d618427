// The shop's process. It is started, and restarted after a crash, by the supervisor in ../stack.ts.
import { exitWithParent, sayReady } from "@outrigger/lab";
import { createLedger, fromPgPool } from "@outrigger/ledger";
import pg from "pg";
import { shopApp } from "./app.ts";
import { paymentProvider } from "./payment-providers.ts";
import { ledgerSchema, shopSchema } from "./schema.ts";

const settings = JSON.parse(process.env["SHOP_SETTINGS"] ?? "null") as ShopSettings;

/** What the supervisor hands to the shop's process. */
export interface ShopSettings {
  readonly port: number;
  readonly databaseUrl: string;
  readonly providerUrls: Readonly<Record<string, string>>;
}

const pool = (): pg.Pool => {
  const made = new pg.Pool({
    connectionString: settings.databaseUrl,
    options: `-c search_path=${shopSchema}`,
    max: 10,
    connectionTimeoutMillis: 5_000,
  });
  // An idle connection that breaks is replaced at the next use; without a listener it would end the process.
  made.on("error", () => {});
  return made;
};

const pools = { bare: pool(), outrigger: pool() };
const ledger = createLedger({
  sql: fromPgPool(pools.outrigger),
  schema: ledgerSchema,
  lease: "8s",
});
const providers = Object.fromEntries(
  Object.entries(settings.providerUrls).map(([name, url]) => [name, paymentProvider(name, url)]),
);
const app = shopApp({ pools, ledger, providers, providerUrls: settings.providerUrls });

exitWithParent({
  within: "15s",
  async onStop() {
    await app.close();
    await ledger.stop();
    await Promise.all(Object.values(providers).map((each) => each.close()));
    await Promise.all([pools.bare.end(), pools.outrigger.end()]);
  },
});

await ledger.migrate();
ledger.start();
await app.listen({ host: "127.0.0.1", port: settings.port });
sayReady({ port: settings.port });
