import { databaseForTests, exitWithParent, sayReady } from "@outrigger/lab";

const server = databaseForTests();
exitWithParent({ onStop: async () => (await server).stop(), within: "50s" });
sayReady({ url: (await server).url });
