import { seededRandom, shuffled } from "@outrigger/lab";
import type { GuaranteeLevel } from "@outrigger/ledger";
import { startDatabase } from "./databases/choose.ts";
import type { CrashDatabase, DatabaseName } from "./databases/database.ts";
import { type Case, type FaultName, idOf, nameOf, type PointName } from "./matrix/cases.ts";
import { leaseFor, pace } from "./matrix/pace.ts";
import {
  companies,
  type Planned,
  pairs,
  rehearsals,
  representative,
  type Share,
  singles,
  wantedBy,
  weakRehearsals,
} from "./matrix/plan.ts";
import { promisedIn } from "./matrix/promise.ts";
import { type WeaknessName, weaknessNames } from "./matrix/weaknesses.ts";
import { Processes } from "./play/process.ts";
import type { Played } from "./play/scene.ts";
import { Stage } from "./play/stage.ts";

export interface CrashOptions {
  readonly database: DatabaseName;
  readonly share: Share;
  /** Plays no more than so many of each phase, drawn by the seed. */
  readonly atMost?: number | undefined;
  readonly seed: number;
  readonly only?: string | undefined;
  /** Companies that are played at a time. */
  readonly lanes: number;
  readonly onProgress: (progress: Progress) => void;
  readonly onViolation: (played: Played) => void;
}

interface Progress {
  readonly phase: string;
  readonly done: number;
  readonly of: number;
  readonly perSecond: number;
}

export interface CrashReport {
  readonly database: DatabaseName;
  readonly seed: number;
  readonly seconds: number;
  readonly cases: number;
  /** Cases in which the fault did not strike where it was to: they ended before, and were judged all the same. */
  readonly unmet: number;
  readonly violations: readonly Played[];
  readonly byFault: Readonly<Partial<Record<FaultName, number>>>;
  readonly byDefinition: Readonly<
    Record<string, { readonly promised: GuaranteeLevel; readonly cases: number }>
  >;
  /** Where a fault struck, and how often. */
  readonly struck: Readonly<Partial<Record<PointName, number>>>;
  readonly weaknesses: Readonly<
    Partial<
      Record<WeaknessName, { readonly cases: number; readonly caught: number; readonly example: string }>
    >
  >;
}

/**
 * Cases in one process: each may hold a connection while it stands still, and the server has 200 for all lanes. One whose
 * commits are lost has a way of its own, with a few connections each.
 */
const companySize = 20;
const companySizeOfLossy = 12;
const connections = companySize + 6;
const sizeOf = (fault: FaultName): number => (fault.startsWith("commit") ? companySizeOfLossy : companySize);

/** Plays the matrix, or a share of it. */
export async function crash(options: CrashOptions): Promise<CrashReport> {
  const startedAtMs = performance.now();
  const theatre = await Theatre.open(options);
  try {
    await measurePace(theatre);
    const right = await playAll(theatre, options);
    const weak = options.only === undefined ? await playWeak(theatre, options) : [];
    return reportOf(options, right, weak, (performance.now() - startedAtMs) / 1_000);
  } finally {
    await theatre.close();
  }
}

/** Before anything is judged: with a lease that nothing here outlasts. */
async function measurePace(theatre: Theatre): Promise<void> {
  pace.leaseMs = 30_000;
  const each: Planned = { of: { definition: "cancel-blocks", mode: "ok", fault: "none" }, afterMs: 0 };
  const played = await theatre.play(
    "how fast this machine is",
    Array.from({ length: companySize }, () => each),
  );
  pace.leaseMs = leaseFor(Math.max(...played.map(({ points }) => points[0]?.at(-1)?.afterMs ?? 0)));
}

async function playAll(theatre: Theatre, options: CrashOptions): Promise<Played[]> {
  const { share, only, onViolation } = options;
  const wanted = wantedBy(only);
  const isWanted = ({ of }: Planned): boolean => wanted(idOf(of));
  const played: Played[] = [];
  const play = async (phase: string, planned: readonly Planned[]): Promise<readonly Played[]> => {
    const now = await theatre.play(phase, planned, (each) => {
      if (each.wrong.length > 0) onViolation(each);
    });
    played.push(...now);
    return now;
  };
  const exact = exactly(only);
  if (exact !== undefined) {
    await play("the case", [{ of: exact, afterMs: 0 }]);
    return played;
  }
  const rehearsed = await play(
    "rehearsals",
    [...rehearsals(wanted), ...(only === undefined ? [] : weakRehearsals(wanted))].map((of) => ({
      of,
      afterMs: 0,
    })),
  );
  const shown = new Set<string>();
  const chosen = (planned: readonly Planned[]): readonly Planned[] =>
    share === "representative" ? representative(planned, shown) : drawn(planned, options);
  const first = chosen(
    rehearsed
      .flatMap(({ of, points }) => singles(of, points[0] ?? [], theatre.database, share))
      .filter(isWanted),
  );
  const struck = await play("faults", first);
  const planOf = new Map(first.map((each) => [idOf(each.of), each]));
  const recovered = struck.flatMap(({ id, points }) => {
    const planned = planOf.get(id);
    return planned === undefined ? [] : [{ planned, recovered: points[1] ?? [] }];
  });
  const second = chosen(pairs(recovered, share).filter(isWanted));
  await play("faults during recovery", second);
  return played;
}

function drawn(planned: readonly Planned[], { atMost, seed }: CrashOptions): readonly Planned[] {
  return atMost === undefined ? planned : shuffled(planned, seededRandom(seed)).slice(0, atMost);
}

/** A whole id names one case, which needs no rehearsal. */
function exactly(only: string | undefined): Case | undefined {
  const [definition, mode, fault, place] = only?.split("/") ?? [];
  if (place === undefined || only?.includes("*") === true) return undefined;
  const [weakness, name] = definition?.includes(":") ? definition.split(":") : [undefined, definition];
  const [point, recovery] = place.split("+");
  return { definition: name, mode, fault, point, recovery, weakness } as Case;
}

/** The variants that are weaker: the judge has to find each of them out. */
async function playWeak(theatre: Theatre, { share }: CrashOptions): Promise<readonly Played[]> {
  const rehearsed = await theatre.play(
    "rehearsals of what is weaker",
    weakRehearsals().map((of) => ({ of, afterMs: 0 })),
  );
  const planned = rehearsed.flatMap(({ of, points }) =>
    singles(of, points[0] ?? [], theatre.database, share),
  );
  const faulty = share === "representative" ? planned.filter(({ of }) => tellingFor(of)) : planned;
  return [...rehearsed, ...(await theatre.play("what is weaker", faulty))];
}

/** In a share, only those cases of a weaker variant that need their fault to be caught. */
function tellingFor({ weakness, point }: Case): boolean {
  if (weakness === "no-fence") return point === "call.after#1";
  if (weakness === "signal-not-heard") return point === "call.sending#1";
  return weakness === "nothing-durable-before" && point === "intent.beforeCommit#1";
}

/** Databases, processes and stages, for as long as cases are played. */
class Theatre {
  readonly database: CrashDatabase;
  readonly #options: CrashOptions;
  readonly #processes: Processes;
  readonly #stage: Stage;
  /** Of its own, because its server is stopped under those who use it. */
  #frail: { readonly database: CrashDatabase; readonly stage: Stage } | undefined;

  private constructor(options: CrashOptions, database: CrashDatabase, processes: Processes, stage: Stage) {
    this.#options = options;
    this.database = database;
    this.#processes = processes;
    this.#stage = stage;
  }

  static async open(options: CrashOptions): Promise<Theatre> {
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

  async play(
    phase: string,
    planned: readonly Planned[],
    each: (played: Played) => void = () => {},
  ): Promise<readonly Played[]> {
    const startedAtMs = performance.now();
    const played: Played[] = [];
    const random = seededRandom(this.#options.seed);
    const all = shuffled(companies(planned, sizeOf), random);
    const frail = all.filter(([first]) => first?.fault === "database");
    const others = all.filter(([first]) => first?.fault !== "database");
    const lane = async (left: (readonly Case[])[], stage: Stage): Promise<void> => {
      for (let company = left.shift(); company !== undefined; company = left.shift()) {
        for (const one of await stage.play(company)) {
          played.push(one);
          each(one);
        }
        const perSecond = (1_000 * played.length) / (performance.now() - startedAtMs);
        this.#options.onProgress({ phase, done: played.length, of: planned.length, perSecond });
      }
    };
    await Promise.all([
      ...Array.from({ length: this.#options.lanes }, () => lane(others, this.#stage)),
      ...(frail.length === 0 ? [] : [this.#frailStage().then((stage) => lane(frail, stage))]),
    ]);
    return played;
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

function reportOf(
  { database, seed }: CrashOptions,
  right: readonly Played[],
  weak: readonly Played[],
  seconds: number,
): CrashReport {
  const byFault: Partial<Record<FaultName, number>> = {};
  const byDefinition: Record<string, { promised: GuaranteeLevel; cases: number }> = {};
  const struck: Partial<Record<PointName, number>> = {};
  for (const { of, met } of right) {
    byFault[of.fault] = (byFault[of.fault] ?? 0) + 1;
    const { cases: before = 0, promised = promisedIn(of) } = byDefinition[of.definition] ?? {};
    byDefinition[of.definition] = { promised, cases: before + 1 };
    if (!met) continue;
    for (const point of [of.point, of.recovery]) {
      if (point !== undefined) struck[nameOf(point)] = (struck[nameOf(point)] ?? 0) + 1;
    }
  }
  const weaknesses = Object.fromEntries(
    weaknessNames
      .map((name) => [name, weak.filter(({ of }) => of.weakness === name)] as const)
      .filter(([, cases]) => cases.length > 0)
      .map(([name, cases]) => {
        const caught = cases.filter(({ wrong }) => wrong.length > 0);
        const example = caught[0] === undefined ? "" : `${caught[0].id}: ${caught[0].wrong[0]}`;
        return [name, { cases: cases.length, caught: caught.length, example }];
      }),
  );
  return {
    database,
    seed,
    seconds,
    cases: right.length,
    unmet: right.filter(({ met }) => !met).length,
    violations: right.filter(({ wrong }) => wrong.length > 0),
    byFault,
    byDefinition,
    struck,
    weaknesses,
  };
}
