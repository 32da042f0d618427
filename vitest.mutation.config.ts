import { defineConfig } from "vitest/config";

// For `npm run mutation`: the tests of packages/core that need no server and take milliseconds. The exhaustive ones
// would find more, and take most of an hour doing so for every thousand mutants.
export default defineConfig({
  ssr: { resolve: { conditions: ["@outrigger/source", "module", "node", "development|production"] } },
  test: {
    include: ["packages/core/src/**/*.test.ts"],
    exclude: [
      "**/*-model.test.ts",
      "**/contention.test.ts",
      "**/convergence.test.ts",
      "**/composition.test.ts",
      "**/codel.test.ts",
      "**/fused.test.ts",
      "**/traps.test.ts",
    ],
    execArgv: ["--conditions=@outrigger/source"],
    restoreMocks: true,
    testTimeout: 60_000,
  },
});
