import type { GuaranteeLevel } from "@outrigger/ledger";
import { checkedDefinition } from "../../../packages/ledger/src/operation/checked-definition.ts";
import { providerThrough } from "../worker/payments.ts";
import { type Case, idOf } from "./cases.ts";
import { declaredBy } from "./definitions.ts";
import { pace } from "./pace.ts";

/** What the ledger derives from what is declared: this, and nothing that is written down here, is what is judged. */
export function promisedIn(of: Case): GuaranteeLevel {
  const declared = declaredBy(of.definition);
  const way = { url: "", declared, weakness: of.weakness, sending: async () => {} };
  const never = async (): Promise<void> => {};
  const { guarantee } = checkedDefinition(
    idOf(of),
    {
      ...{ prepare: never, commit: never, abandon: never },
      providers: Object.fromEntries(declared.providers.map((name) => [name, providerThrough(way, name)])),
      unknown: declared.unknown,
      ...(declared.accept !== undefined && { accept: declared.accept }),
    },
    pace.leaseMs,
  );
  return guarantee.level;
}
