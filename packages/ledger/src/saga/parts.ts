import type { AnyDefinition, Engine } from "../run/engine.ts";
import type { SagaStore } from "./saga-store.ts";

/** What the parts of sagas share. */
export interface SagaEngine<Tx> {
  readonly engine: Engine<Tx>;
  readonly sagas: SagaStore<Tx>;
  readonly definitionOf: (operation: string) => AnyDefinition<Tx> | undefined;
}
