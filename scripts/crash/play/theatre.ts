import { seededRandom, shuffled } from "@outrigger/lab";
import { startDatabase } from "../databases/choose.ts";
import type { CrashDatabase, DatabaseName } from "../databases/database.ts";
import { type Case, type FaultName, idOf } from "../matrix/cases.ts";
import { leaseFor, longestLeaseMs, pace } from "../matrix/pace.ts";
import { companies, type Planned } from "../matrix/plan.ts";
import { promisedIn } from "../matrix/promise.ts";
import type { Journal } from "./journal.ts";
import { Processes } from "./process.ts";
import type { Played } from "./scene.ts";
import { Stage } from "./stage.ts";

export interface TheatreOptions {
  readonly database: DatabaseName;
  readonly seed: number;
  /** Companies that are played at a time. */
  readonly lanes: number;
  readonly journal: Journal | undefined;
  readonly onProgress: (progress: Progress) => void;
}

export interface Progress {
  readonly phase: string;
  readonly done: number;
  readonly of: number;
  readonly perSecond: number;
}

/** With more cases in one process each only takes longer to come to its place. */
const companySize = 40;
/** Each of a company may hold one while it stands still. */
const connections = companySize + 6;
/** Where the answers to commits are lost each case has a way of its own, with a few connections. */
const companySizeOfLossy = 16;
const sizeOf = (fault: FaultName): number => (fault.startsWith("commit") ? companySizeOfLossy : companySize);
/** How often a case is played in which the fault did not strike where it was to. */
const timesAtMost = 3;

/** Databases, processes and stages, for as long as cases are played. */
export class Theatre {
  readonly database: CrashDatabase;
  readonly #options: TheatreOptions;
  readonly #processes: Processes;
  readonly #stage: Stage;
  /** Of its own, because its server is stopped under those who use it. */
  #frail: { readonly database: CrashDatabase; readonly stage: Stage } | undefined;

  private constructor(options: TheatreOptions, database: CrashDatabase, processes: Processes, stage: Stage) {
    this.#options = options;
    this.database = database;
    this.#processes = processes;
    this.#stage = stage;
  }

  static async open(options: TheatreOptions): Promise<Theatre> {
    const database = await startDatabase(options.database);
    const processes = new Processes(connections, options.lanes);
    const stage = await new Stage({ database, processes, promised: promisedIn }).open();
    return new Theatre(options, database, processes, stage);
  }

  async close(): Promise<void> {
    await this.#processes.close();
    await this.#stage.close();
    await this.#frail?.stage.close();
    await this.#frail?.database.close();
    await this.database.close();
  }

  /**
   * Before anything is judged: with a lease that nothing here outlasts, and two companies that begin at once, which chance
   * makes of more lanes now and then.
   *
   * @returns the lease that follows of it.
   */
  async measurePace(): Promise<number> {
    pace.leaseMs = longestLeaseMs;
    const of: Case = { definition: "cancel-blocks", mode: "ok", fault: "none" };
    const company = Array.from({ length: companySize }, () => of);
    // The first process and the first connections are no measure.
    await this.#stage.play(company);
    const played = await Promise.all([this.#stage.play(company), this.#stage.play(company)]);
    const leaseMs = leaseFor(Math.max(...played.flat().map(({ points }) => points[0]?.at(-1)?.afterMs ?? 0)));
    pace.leaseMs = leaseMs;
    return leaseMs;
  }

  /**
   * Plays them, and those again whose fault found them elsewhere: a machine that was busy for a moment is no evidence. A
   * promise that was broken stays broken.
   */
  async play(
    phase: string,
    planned: readonly Planned[],
    each: (played: Played) => void = () => {},
  ): Promise<readonly Played[]> {
    const { journal } = this.#options;
    const done = new Map<string, Played>();
    for (const one of journal?.played(phase) ?? []) {
      done.set(one.id, one);
      each(one);
    }
    let left = planned.filter(({ of }) => !done.has(idOf(of)));
    const usualLeaseMs = pace.leaseMs;
    for (let times = 1; left.length > 0; times += 1) {
      const isOver = ({ met, wrong }: Played): boolean => met || wrong.length > 0 || times === timesAtMost;
      await this.#playOnce(times === 1 ? phase : `${phase}, time ${times}`, left, (one) => {
        done.set(one.id, one);
        if (!isOver(one)) return;
        journal?.write(phase, one);
        each(one);
      });
      left = left.filter(({ of }) => {
        const played = done.get(idOf(of));
        return played !== undefined && !isOver(played);
      });
      pace.leaseMs = Math.min(longestLeaseMs, 2 * pace.leaseMs);
    }
    pace.leaseMs = usualLeaseMs;
    return [...done.values()];
  }

  async #playOnce(phase: string, planned: readonly Planned[], each: (played: Played) => void): Promise<void> {
    const startedAtMs = performance.now();
    let done = 0;
    const { seed, lanes, onProgress } = this.#options;
    const all = shuffled(companies(planned, sizeOf), seededRandom(seed));
    const frail = all.filter(([first]) => first?.fault === "database");
    const others = all.filter(([first]) => first?.fault !== "database");
    const lane = async (left: (readonly Case[])[], stage: Stage): Promise<void> => {
      for (let company = left.shift(); company !== undefined; company = left.shift()) {
        const played = await stage.play(company);
        played.forEach(each);
        done += played.length;
        const perSecond = (1_000 * done) / (performance.now() - startedAtMs);
        onProgress({ phase, done, of: planned.length, perSecond });
      }
    };
    await Promise.all([
      ...Array.from({ length: lanes }, () => lane(others, this.#stage)),
      ...(frail.length === 0 ? [] : [this.#frailStage().then((stage) => lane(frail, stage))]),
    ]);
  }

  async #frailStage(): Promise<Stage> {
    if (this.#frail === undefined) {
      const database = await startDatabase(this.#options.database);
      const stage = await new Stage({ database, processes: this.#processes, promised: promisedIn }).open();
      this.#frail = { database, stage };
    }
    return this.#frail.stage;
  }
}
