import { durationMs } from "@outrigger/core";
import { httpDefaults } from "@outrigger/http";
import { ledgerDefaults, unknownDefaults } from "@outrigger/ledger";
import { expect, test } from "vitest";

test("an HTTP call with default timeouts runs to its end within a default lease", () => {
  const leaseMs = durationMs("lease", ledgerDefaults.lease);
  // The ledger ends a call a second before its lease.
  expect(durationMs("total", httpDefaults.timeout.total)).toBeLessThan(leaseMs - 1_000);
});

test('whoever waited for a default timeout in vain has also waited long enough to act upon "not found"', () => {
  const readMs = durationMs("read", httpDefaults.timeout.read);
  expect(durationMs("notFoundAfter", unknownDefaults.notFoundAfter)).toBeLessThanOrEqual(readMs);
});
