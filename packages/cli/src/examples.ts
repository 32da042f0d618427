import type { LedgerCommand } from "./program.ts";

export type Examples = readonly string[];

/** What stands at the end of each help. */
export const examples: Readonly<Record<LedgerCommand, Examples>> = {
  list: [
    "outrigger ledger list",
    "outrigger ledger list --wants-person",
    "outrigger ledger list --state unknown,cancelling --older-than 10m",
    "outrigger ledger list --all --json | jq -r .key",
  ],
  show: [
    "outrigger ledger show checkout.pay order-17",
    "outrigger ledger show 019abd5e-8c2f-7c31-9d3e-0c8f3a2b1d47",
  ],
  retry: ['outrigger ledger retry checkout.pay order-17 --reason "their inquiry works again"'],
  cancel: ['outrigger ledger cancel checkout.pay order-17 --reason "the customer called" --by kim --yes'],
  resolve: [
    'outrigger ledger resolve checkout.pay order-17 --as committed --reason "seen in their console" --app ./ledger.ts',
    'outrigger ledger resolve checkout.pay order-17 --as abandoned --reason "refunded by hand" --app ./ledger.ts',
  ],
  reconcile: [
    "outrigger ledger reconcile --app ./ledger.ts",
    "outrigger ledger reconcile payments --from 2026-11-01 --to 2026-11-07 --report week.html --app ./ledger.ts",
  ],
  "sagas list": [
    "outrigger ledger sagas",
    "outrigger ledger sagas list --wants-person",
    "outrigger ledger sagas list --saga trip --state compensating,manual --json",
  ],
  "sagas show": ["outrigger ledger sagas show trip trip-17"],
  "sagas retry": ['outrigger ledger sagas retry trip trip-17 --reason "the hotel answers again"'],
  "sagas cancel": [
    'outrigger ledger sagas cancel trip trip-17 --reason "the customer called" --by kim --yes',
  ],
  doctor: [
    "outrigger ledger doctor",
    "outrigger ledger doctor --json | jq '.findings[] | select(.level != \"ok\")'",
  ],
};
