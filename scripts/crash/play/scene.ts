import type { GuaranteeLevel } from "@outrigger/ledger";
import type { Connection, LossyWay } from "../databases/database.ts";
import { type Case, idOf, type Point } from "../matrix/cases.ts";
import { pace } from "../matrix/pace.ts";
import type { FromWorker, Play } from "../worker/messages.ts";
import type { CrashProcess } from "./process.ts";

/** However busy the machine is: what takes longer does not come to an end. */
export const patienceMs = 180_000;

/** What one process did in one case. */
export interface Part {
  readonly process: CrashProcess;
  /** The places it came by, in order, with the time since it began. */
  readonly points: { readonly point: Point; readonly afterMs: number }[];
  standing: Point | undefined;
  standingSinceMs: number;
  /** Whether the fault struck it where it stands. */
  struck: boolean;
  answers: readonly string[] | undefined;
  ended: boolean;
}

/** A case that came to its end, with what has to be known to understand it. */
export interface Played {
  readonly of: Case;
  readonly id: string;
  /** What was promised and not kept. */
  readonly wrong: readonly string[];
  /** By process, the first one first. */
  readonly points: readonly Part["points"][];
  /** Whether the fault struck where it was to, and while the lease lasted. */
  readonly met: boolean;
  readonly ms: number;
  /** All that there is to know, for people; only where something is wrong, or has to be. */
  readonly account?: string;
}

/** A case while it is played. */
export class Scene {
  readonly of: Case;
  readonly id: string;
  readonly orders: readonly string[];
  readonly connection: Connection;
  readonly way: LossyWay | undefined;
  readonly promised: GuaranteeLevel;
  readonly startedAtMs: number = performance.now();
  readonly #leaseMs = pace.leaseMs;
  readonly parts: Part[] = [];
  #changed: () => void = () => {};
  failed: string | undefined;
  /** Whether the fault came so late that others of the same process may have had the operation by then. */
  late = false;
  /** Something has to happen in every case, and did not. */
  stuck = false;

  constructor(
    of: Case,
    id: string,
    operations: number,
    promised: GuaranteeLevel,
    connection: Connection,
    way: LossyWay | undefined,
  ) {
    this.of = of;
    this.id = id;
    this.orders = Array.from({ length: operations }, (_, index) => `${id}-${index}`);
    this.promised = promised;
    this.connection = way?.connection ?? connection;
    this.way = way;
  }

  get name(): string {
    return idOf(this.of);
  }

  get part(): Part | undefined {
    return this.parts.at(-1);
  }

  /** Gives it to a process. */
  enter(process: CrashProcess, how: "begin" | "recover", provider: string, point: Point | undefined): Part {
    const part: Part = {
      ...{
        process,
        points: [],
        standing: undefined,
        standingSinceMs: 0,
        struck: false,
        answers: undefined,
        ended: false,
      },
    };
    this.parts.push(part);
    const { id, of, orders, connection } = this;
    const play: Play = {
      id,
      of,
      orders,
      connection,
      provider,
      leaseMs: this.#leaseMs,
      ...(point !== undefined && { point }),
    };
    process.send({ do: how, play });
    return part;
  }

  /** The fault strikes now. */
  struck(): void {
    const { part } = this;
    if (part?.standing === undefined) return;
    part.struck = true;
    this.late ||= performance.now() - part.standingSinceMs > this.#leaseMs / 2;
  }

  hear(process: CrashProcess, message: FromWorker): void {
    const part = this.parts.findLast((each) => each.process === process);
    if (part === undefined) return;
    switch (message.is) {
      case "step":
        part.points.push({ point: message.point, afterMs: message.afterMs });
        return;
      case "standing":
        part.standing = message.point;
        part.standingSinceMs = performance.now();
        break;
      case "answered":
        part.answers = message.answers;
        break;
      case "ended":
        part.ended = true;
        break;
      case "goesOn":
        part.ended = false;
        return;
      case "failed":
        this.failed = message.error;
        break;
      default:
        return;
    }
    this.#changed();
  }

  /** @returns whether it came to be so; if not, the case is stuck. */
  async comes(holds: () => boolean): Promise<boolean> {
    const came = await this.until(holds, patienceMs);
    this.stuck ||= !came && this.failed === undefined;
    return came;
  }

  /** @returns whether it came to be so in time. */
  until(holds: () => boolean, ms: number): Promise<boolean> {
    if (holds()) return Promise.resolve(true);
    return new Promise((resolve) => {
      const late = setTimeout(() => {
        this.#changed = () => {};
        resolve(false);
      }, ms);
      this.#changed = () => {
        if (!holds() && this.failed === undefined) return;
        clearTimeout(late);
        this.#changed = () => {};
        resolve(holds());
      };
    });
  }
}
