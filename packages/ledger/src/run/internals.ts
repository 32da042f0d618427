import type { AnyDefinition, Engine } from "./engine.ts";

/** What the parts that stand on a ledger, such as reconciliation, share with it. */
export interface Internals<Tx> {
  readonly engine: Engine<Tx>;
  readonly schema: string;
  readonly definitions: ReadonlyMap<string, AnyDefinition<Tx>>;
}

const known = new WeakMap<object, Internals<never>>();

/** Keeps them beside the ledger and not in it, where they would be everybody's. */
export function withInternals<L extends object, Tx>(ledger: L, internals: Internals<Tx>): L {
  known.set(ledger, internals as Internals<never>);
  return ledger;
}

/** @throws TypeError for what `createLedger` did not make. */
export function internalsOf<Tx>(path: string, ledger: object): Internals<Tx> {
  const found = typeof ledger === "object" && ledger !== null ? known.get(ledger) : undefined;
  if (found === undefined) throw new TypeError(`${path} must be a ledger, as createLedger makes it`);
  return found as unknown as Internals<Tx>;
}
