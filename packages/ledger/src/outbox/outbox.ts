import { assertKnownKeys, Failure, integerIn } from "@outrigger/core";
import type { PgTx } from "../drivers/pg.ts";
import { ledgerFailureCodes } from "../failure.ts";
import { exactJson } from "../operation/exact-json.ts";
import { checkedKey } from "../operation/key.ts";
import { codeOf } from "../run/describe.ts";
import type { Engine } from "../run/engine.ts";
import { type ByPerson, textAt } from "../run/operator.ts";
import { WorkerLoop } from "../run/worker-loop.ts";
import { deliverLane } from "./deliver.ts";
import type { OutboxSettings } from "./options.ts";
import { idOf, type Lane, type LaneRecord, type OutboxStore, sequenceOf } from "./outbox-store.ts";

/** A person's word about a key: the next message, as {@link LaneRecord} names it, so that no other one is meant. */
export interface AboutMessage extends ByPerson {
  readonly next: string;
}

/** What can be done with keys that are parked, also where their outbox is not defined. */
export interface Outboxes {
  /** Keys that have something to do, the longest parked first. */
  lanes(options?: {
    readonly outbox?: string;
    readonly parked?: boolean;
    readonly limit?: number;
  }): Promise<readonly LaneRecord[]>;
  /**
   * Delivers a key's next message again now, with all the patience of a new one.
   *
   * @throws Failure `NOT_RETRYABLE` with `effect: "none"` when that is not its next message; TypeError without a reason and
   * a name.
   */
  retry(outbox: string, key: string, options: AboutMessage): Promise<void>;
  /** Gives a key's next message up, so that the ones after it are delivered. The message is kept, with who and why. */
  skip(outbox: string, key: string, options: AboutMessage): Promise<void>;
}

/** Messages that are committed with the business data, and delivered in order per key. */
export interface Outbox<P, Tx = PgTx> {
  readonly name: string;
  /**
   * Stores a message in a transaction of yours: it is delivered when that commits, after every message of its key that was
   * committed before, and not at all when it rolls back. Other transactions that send to the same key wait for this one.
   *
   * @returns the message's id.
   * @throws Failure `KEY_INVALID` or `INPUT_INVALID` with `effect: "none"`; TypeError when `tx` is a pool, or a connection
   * outside of a transaction.
   */
  send(tx: Tx, message: { readonly key: string; readonly payload: P }): Promise<string>;
  /** Keys of this outbox that wait for a person, the longest first. */
  parked(limit?: number): Promise<readonly LaneRecord[]>;
  /** See {@link Outboxes}. */
  retry(key: string, options: AboutMessage): Promise<void>;
  skip(key: string, options: AboutMessage): Promise<void>;
}

const lanesAtMost = 100;

export function outboxesOf<Tx>(store: OutboxStore<Tx>, kick: () => void): Outboxes {
  const resume = async (outbox: string, key: string, given: AboutMessage, skip: boolean): Promise<void> => {
    const what = skip ? "skip" : "retry";
    assertKnownKeys(`${what} options`, given, ["next", "reason", "by"]);
    const reason = textAt(`${what}.reason`, "why", given.reason);
    const by = textAt(`${what}.by`, "who", given.by);
    const sequence = sequenceOf(checkedKey(key), given.next);
    if (sequence === undefined || !(await store.resume(outbox, key, sequence, { skip, reason, by }))) {
      throw new Failure(`"${given.next}" is not the next message of key "${key}"; look again what it is`, {
        code: ledgerFailureCodes.notRetryable,
        effect: "none",
        kind: "rejected",
        transient: false,
      });
    }
    kick();
  };
  return {
    lanes: async (given = {}) => {
      assertKnownKeys("lanes options", given, ["outbox", "parked", "limit"]);
      const { outbox, parked = false, limit = lanesAtMost } = given;
      return await store.lanes(outbox, undefined, parked, integerIn("lanes.limit", limit, 1, 10_000));
    },
    retry: (outbox, key, options) => resume(outbox, key, options, false),
    skip: (outbox, key, options) => resume(outbox, key, options, true),
  };
}

interface Job {
  readonly lane: Lane;
  readonly claimedAtMs: number;
}

/** One outbox in this process: what sends, and the workers that deliver. */
export class DefinedOutbox<P, Tx> implements Outbox<P, Tx> {
  readonly name: string;
  readonly #engine: Engine<Tx>;
  readonly #store: OutboxStore<Tx>;
  readonly #all: Outboxes;
  readonly #loop: WorkerLoop<Job>;

  constructor(
    engine: Engine<Tx>,
    store: OutboxStore<Tx>,
    settings: OutboxSettings,
    all: Outboxes,
    { pollEveryMs, drainMs }: { readonly pollEveryMs: number; readonly drainMs: number },
  ) {
    this.name = settings.name;
    this.#engine = engine;
    this.#store = store;
    this.#all = all;
    const failed = (error: unknown): void =>
      engine.emit({ type: "databaseFailed", during: `outbox ${settings.name}`, code: codeOf(error) });
    this.#loop = new WorkerLoop<Job>({
      clock: engine.clock,
      pollEveryMs,
      drainMs,
      concurrency: settings.concurrency,
      async claim(atMost) {
        const claimedAtMs = engine.clock.now();
        try {
          const lanes = await store.claim(settings.name, atMost, settings.leaseMs);
          return lanes.map((lane) => ({ lane, claimedAtMs }));
        } catch (error) {
          failed(error);
          return [];
        }
      },
      async work({ lane, claimedAtMs }, signal) {
        // What fails here is offered again when the lease ends.
        await deliverLane({ engine, store, settings }, lane, claimedAtMs, signal).catch(failed);
      },
      release: ({ lane }) => store.giveBack(lane),
    });
  }

  async send(tx: Tx, message: { readonly key: string; readonly payload: P }): Promise<string> {
    assertKnownKeys("message", message, ["key", "payload"]);
    const key = checkedKey(message.key);
    const payload = exactJson("payload", message.payload);
    const query = this.#engine.store.sql.join(tx);
    const sequence = await this.#store.send(query, this.name, key, payload);
    await this.#engine.wakeAtCommit(query);
    return idOf(key, sequence);
  }

  parked(limit: number = lanesAtMost): Promise<readonly LaneRecord[]> {
    return this.#all.lanes({ outbox: this.name, parked: true, limit });
  }

  retry(key: string, options: AboutMessage): Promise<void> {
    return this.#all.retry(this.name, key, options);
  }

  skip(key: string, options: AboutMessage): Promise<void> {
    return this.#all.skip(this.name, key, options);
  }

  start(): void {
    this.#loop.start();
  }

  stop(): Promise<void> {
    return this.#loop.stop();
  }

  readonly kick = (): void => this.#loop.kick();
}
