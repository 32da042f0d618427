import { Circuit, type CircuitHost } from "./circuit.ts";

/** A circuit with its place in the order of use. */
class KeyedCircuit extends Circuit {
  usedAtMs = 0;
  /** Used before and after this one. */
  older: KeyedCircuit | undefined = undefined;
  newer: KeyedCircuit | undefined = undefined;
}

/**
 * How many of the least recently used circuits are looked at for one that may be forgotten, when there is no room
 * for another: who makes up keys must not thereby close an open circuit.
 */
const lookedAt = 8;

/** At most this many idle circuits are forgotten at a time, so that no call pays for a long silence. */
const forgottenAtOnce = 2;

/**
 * One circuit for each key, made at its first call and forgotten when it was not used for `idleForMs`, or when
 * there are more than `maxKeys`; then the least recently used ones go, healthy ones first.
 *
 * It has no timer: each call forgets at most two idle circuits, so the table shrinks as fast as it grew.
 * A forced circuit is never forgotten, because an operator relies on it, and an open one not for being idle.
 */
export class KeyedCircuits {
  readonly #host: CircuitHost;
  readonly #circuits = new Map<string, KeyedCircuit>();
  #oldest: KeyedCircuit | undefined;
  #newest: KeyedCircuit | undefined;
  #evicted = 0;
  maxKeys: number;
  idleForMs: number;

  constructor(host: CircuitHost, maxKeys: number, idleForMs: number) {
    this.#host = host;
    this.maxKeys = maxKeys;
    this.idleForMs = idleForMs;
  }

  get size(): number {
    return this.#circuits.size;
  }

  get evicted(): number {
    return this.#evicted;
  }

  /** The circuit of the key; a new one where there is none. */
  use(key: string, nowMs: number): Circuit {
    let circuit = this.#circuits.get(key);
    if (circuit === undefined) {
      circuit = new KeyedCircuit(this.#host, key);
      this.#circuits.set(key, circuit);
      this.#append(circuit);
    } else if (circuit !== this.#newest) {
      this.#takeOut(circuit);
      this.#append(circuit);
    }
    // Whole milliseconds: a fraction would cost each circuit sixteen bytes.
    circuit.usedAtMs = Math.ceil(nowMs);
    this.#evict(nowMs, circuit);
    return circuit;
  }

  /** The circuit of the key, without counting as a use. */
  peek(key: string): Circuit | undefined {
    return this.#circuits.get(key);
  }

  /** From the least to the most recently used. */
  *all(): Generator<Circuit, void> {
    for (let circuit = this.#oldest; circuit !== undefined; circuit = circuit.newer) yield circuit;
  }

  #evict(nowMs: number, inUse: KeyedCircuit): void {
    for (let round = 0; round < forgottenAtOnce; round += 1) {
      const full = this.#circuits.size > this.maxKeys;
      if (!full && nowMs - (this.#oldest ?? inUse).usedAtMs < this.idleForMs) return;
      const gone = this.#forgettable(full, nowMs, inUse);
      if (gone === undefined) return;
      this.#takeOut(gone);
      this.#circuits.delete(gone.key);
      this.#evicted += 1;
    }
  }

  /** One of the oldest that is idle; where there must be room, a healthy one, else the oldest. */
  #forgettable(full: boolean, nowMs: number, inUse: KeyedCircuit): KeyedCircuit | undefined {
    let best: KeyedCircuit | undefined;
    let circuit = this.#oldest;
    for (let looked = 0; looked < lookedAt && circuit !== undefined && circuit !== inUse; looked += 1) {
      const { newer } = circuit;
      const idle = nowMs - circuit.usedAtMs >= this.idleForMs;
      if (circuit.forced !== undefined || (idle && circuit.retryAfterMs(nowMs) !== undefined)) {
        // Still needed. Out of the way, or a few of them at the old end would hide all others.
        this.#takeOut(circuit);
        this.#append(circuit);
      } else if (idle || (full && circuit.forgettable)) {
        return circuit;
      } else if (full) {
        best ??= circuit;
      }
      circuit = newer;
    }
    return best;
  }

  #append(circuit: KeyedCircuit): void {
    circuit.older = this.#newest;
    circuit.newer = undefined;
    if (this.#newest === undefined) this.#oldest = circuit;
    else this.#newest.newer = circuit;
    this.#newest = circuit;
  }

  #takeOut(circuit: KeyedCircuit): void {
    const { older, newer } = circuit;
    if (older === undefined) this.#oldest = newer;
    else older.newer = newer;
    if (newer === undefined) this.#newest = older;
    else newer.older = older;
  }
}
