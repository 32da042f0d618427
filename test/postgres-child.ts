import { databaseForTests, exitWithParent, sayReady } from "@outrigger/lab";

const server = databaseForTests();
exitWithParent({ onStop: async () => (await server).stop(), withinMs: 50_000 });
sayReady({ url: (await server).url });
