import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { startPostgres, startProvider } from "@outrigger/lab";
import pg from "pg";
import { freePort } from "./free-port.ts";
import { type ProviderHandle, providerHandle } from "./provider-handle.ts";
import type { ShopSettings } from "./shop/main.ts";
import { createShopSchema } from "./shop/schema.ts";
import { type Supervised, supervise } from "./supervised.ts";

/** Everything that runs beside the console: a database, two providers and the shop, each a process of its own. */
export interface Stack {
  readonly shopUrl: string;
  readonly databaseUrl: string;
  readonly providers: readonly ProviderHandle[];
  readonly shop: Supervised;
  /** Stops every process that was started, the database last. Calling it again waits for the same end. */
  stop(): Promise<void>;
}

export interface StackOptions {
  /** The shop's port if it is free. 0 lets the system pick. */
  readonly port: number;
  /** Told before each slow step, for the terminal. */
  readonly onProgress?: (step: "database" | "providers" | "shop") => void;
}

/** @throws Error when a part does not start; what had started is stopped. */
export async function startStack({ port, onProgress = () => {} }: StackOptions): Promise<Stack> {
  const stops: (() => Promise<unknown>)[] = [];
  let stopping: Promise<void> | undefined;
  const stop = (): Promise<void> => {
    stopping ??= stopAll(stops);
    return stopping;
  };
  try {
    const directory = await mkdtemp(join(tmpdir(), "outrigger-shop-"));
    stops.push(() => rm(directory, { recursive: true, force: true }));

    onProgress("database");
    const database = await startPostgres();
    stops.push(() => database.stop());
    await prepareDatabase(database.url);

    onProgress("providers");
    const providers: ProviderHandle[] = [];
    for (const name of ["a", "b"]) {
      const provider = await startProvider({ name, journalPath: join(directory, `journal-${name}.ndjson`) });
      stops.push(() => provider.stop());
      providers.push(providerHandle(provider));
    }

    onProgress("shop");
    const settings: ShopSettings = {
      port: await freePort(port),
      databaseUrl: database.url,
      providerUrls: Object.fromEntries(providers.map(({ name, url }) => [name, url])),
    };
    const shop = await supervise({
      file: new URL("./shop/main.ts", import.meta.url),
      env: { ...process.env, SHOP_SETTINGS: JSON.stringify(settings) },
    });
    stops.push(() => shop.stop());

    return {
      shopUrl: `http://127.0.0.1:${settings.port}`,
      databaseUrl: database.url,
      providers,
      shop,
      stop,
    };
  } catch (error) {
    await stop();
    throw error;
  }
}

async function prepareDatabase(url: string): Promise<void> {
  const pool = new pg.Pool({ connectionString: url, max: 1 });
  try {
    await createShopSchema(pool);
  } finally {
    await pool.end();
  }
}

async function stopAll(stops: (() => Promise<unknown>)[]): Promise<void> {
  for (const stop of stops.reverse()) {
    await stop().catch((error: unknown) => console.error(error));
  }
}
