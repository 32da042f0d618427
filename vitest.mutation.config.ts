import { defineConfig } from "vitest/config";

// For `npm run mutation`: the tests of packages/core alone, which need no server.
export default defineConfig({
  ssr: { resolve: { conditions: ["@outrigger/source", "module", "node", "development|production"] } },
  test: {
    include: ["packages/core/src/**/*.test.ts", "packages/core/test/**/*.test.ts"],
    execArgv: ["--conditions=@outrigger/source"],
    restoreMocks: true,
    testTimeout: 60_000,
  },
});
