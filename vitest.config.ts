import { defineConfig } from "vitest/config";

// Tests run the sources: the "@outrigger/source" export condition points at src/, so nothing is built first.
const conditions = ["@outrigger/source", "node", "development|production"];

export default defineConfig({
  ssr: { resolve: { conditions } },
  test: {
    include: [
      "packages/*/src/**/*.test.ts",
      "packages/*/test/**/*.test.ts",
      "examples/*/{src,test}/**/*.test.ts",
      "docs/**/*.test.ts",
      "scripts/**/*.test.ts",
      "conformance/**/*.test.ts",
    ],
    execArgv: ["--conditions=@outrigger/source"],
    globalSetup: "test/one-postgres.ts",
    restoreMocks: true,
    // How long a broken product takes to fail, not how fast a machine must be.
    testTimeout: 60_000,
    hookTimeout: 120_000,
    expect: { poll: { timeout: 30_000 } },
  },
});
