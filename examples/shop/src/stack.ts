import { mkdir, rm } from "node:fs/promises";
import { tmpdir, userInfo } from "node:os";
import { join } from "node:path";
import { startProvider } from "@outrigger/lab";
import { openDatabase } from "./database/open-database.ts";
import type { DatabaseAddress, DatabaseKind, ShopDatabase } from "./database/shop-database.ts";
import { startDatabase, type WantedDatabase } from "./database/start-database.ts";
import { type ProviderHandle, providerHandle } from "./provider-handle.ts";
import type { ShopSettings } from "./shop/main.ts";
import { type Supervised, supervise } from "./supervised.ts";
import { wantedPort } from "./wanted-port.ts";

/** Everything that runs beside the console: a database, two providers and the shop, each a process of its own. */
export interface Stack {
  readonly shopUrl: string;
  readonly address: DatabaseAddress;
  /** Open in this process, for who looks at it from outside of the shop. */
  readonly database: ShopDatabase;
  readonly providers: readonly ProviderHandle[];
  readonly shop: Supervised;
  /** Stops every process that was started, the database last. Calling it again waits for the same end. */
  stop(): Promise<void>;
}

export interface StackOptions {
  /** The shop's port if it is free. 0 lets the system pick. */
  readonly port: number;
  /** Fails when the port is taken instead of picking another. */
  readonly strictPort?: boolean;
  /** @defaultValue a PostgreSQL server of our own */
  readonly database?: WantedDatabase;
  /** Told before each slow step, for the terminal. */
  readonly onProgress?: (step: DatabaseKind | "providers" | "shop") => void;
}

/** @throws Error when a part does not start; what had started is stopped. */
export async function startStack(options: StackOptions): Promise<Stack> {
  const { onProgress = () => {} } = options;
  const port = await wantedPort(options.port, options.strictPort);
  const stops: (() => Promise<unknown>)[] = [];
  let stopping: Promise<void> | undefined;
  const stop = (): Promise<void> => {
    stopping ??= stopAll(stops);
    return stopping;
  };
  try {
    // Named by the port, which only one shop of this machine has: what a killed run left is found and cleared.
    const directory = join(tmpdir(), `outrigger-shop-${userInfo().username}-${port}`);
    await mkdir(directory, { recursive: true });
    stops.push(() => rm(directory, { recursive: true, force: true }));

    const wanted = options.database ?? { kind: "postgres" };
    onProgress(wanted.kind);
    const { address, stop: stopDatabase } = await startDatabase(wanted, directory);
    stops.push(stopDatabase);
    const database = await openDatabase(address);
    stops.push(() => database.close());
    await database.createTables();

    onProgress("providers");
    const journals = join(directory, "journals");
    await rm(journals, { recursive: true, force: true });
    const providers: ProviderHandle[] = [];
    for (const name of ["a", "b"]) {
      const provider = await startProvider({ name, journalPath: join(journals, `${name}.ndjson`) });
      stops.push(() => provider.stop());
      providers.push(providerHandle(provider));
    }

    onProgress("shop");
    const settings: ShopSettings = {
      port,
      database: address,
      providerUrls: Object.fromEntries(providers.map(({ name, url }) => [name, url])),
    };
    const shop = await supervise({
      file: new URL("./shop/main.ts", import.meta.url),
      env: { ...process.env, SHOP_SETTINGS: JSON.stringify(settings) },
    });
    stops.push(() => shop.stop());

    return {
      shopUrl: `http://127.0.0.1:${port}`,
      address,
      database,
      providers,
      shop,
      stop,
    };
  } catch (error) {
    await stop();
    throw error;
  }
}

async function stopAll(stops: (() => Promise<unknown>)[]): Promise<void> {
  for (const stop of stops.reverse()) {
    await stop().catch((error: unknown) => console.error(error));
  }
}
