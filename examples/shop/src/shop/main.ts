// The shop's process. It is started, and restarted after a crash, by the supervisor in ../stack.ts.
import { exitWithParent, sayReady } from "@outrigger/lab";
import { createLedger } from "@outrigger/ledger";
import { openDatabase } from "../database/open-database.ts";
import { type DatabaseAddress, ledgerSchema } from "../database/shop-database.ts";
import { shopApp } from "./app.ts";
import { paymentProvider } from "./payment-providers.ts";

const settings = JSON.parse(process.env["SHOP_SETTINGS"] ?? "null") as ShopSettings;

/** What the supervisor hands to the shop's process. */
export interface ShopSettings {
  readonly port: number;
  readonly database: DatabaseAddress;
  readonly providerUrls: Readonly<Record<string, string>>;
}

const database = await openDatabase(settings.database);
const ledger = createLedger({ sql: database.sql, schema: ledgerSchema, lease: "8s" });
const providers = Object.fromEntries(
  Object.entries(settings.providerUrls).map(([name, url]) => [name, paymentProvider(name, url)]),
);
const app = shopApp({ database, ledger, providers, providerUrls: settings.providerUrls });

exitWithParent({
  within: "15s",
  async onStop() {
    await app.close();
    await ledger.stop();
    await Promise.all(Object.values(providers).map((each) => each.close()));
    await database.close();
  },
});

await ledger.migrate();
ledger.start();
await app.listen({ host: "127.0.0.1", port: settings.port });
sayReady({ port: settings.port });
