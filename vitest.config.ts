import { availableParallelism } from "node:os";
import { defineConfig } from "vitest/config";
import { BaseSequencer, type TestSpecification } from "vitest/node";

// Tests run the sources: the "@outrigger/source" export condition points at src/, so nothing is built first.
const conditions = ["@outrigger/source", "node", "development|production"];

/** The files that take a minute or so; begun last, each would be waited for alone. */
const slow = [
  "ledger/test/on-mariadb",
  "scripts/crash/crash",
  "ledger/test/saga/crash",
  "ledger/test/killed-on-mariadb",
  "ledger/test/killed-on-sqlite",
  "ledger/test/model/model",
  "ledger/test/on-sqlite",
  "shop/test/start",
  "shop/test/checkout-on-each",
];

class SlowFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const place = ({ moduleId }: TestSpecification): number => {
      const at = slow.findIndex((part) => moduleId.includes(part));
      return at < 0 ? slow.length : at;
    };
    return (await super.sort(files)).toSorted((a, b) => place(a) - place(b));
  }
}

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
    // Most of them wait for databases and sockets, so that two share a processor well.
    maxWorkers: Math.max(2, availableParallelism() - 1),
    restoreMocks: true,
    sequence: { sequencer: SlowFirst },
    // How long a broken product takes to fail, not how fast a machine must be.
    testTimeout: 60_000,
    hookTimeout: 120_000,
    expect: { poll: { timeout: 30_000 } },
  },
});
