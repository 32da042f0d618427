import { seededRandom, shuffled } from "@outrigger/lab";
import type { DatabaseName } from "./databases/database.ts";
import { type Case, idOf } from "./matrix/cases.ts";
import {
  type Planned,
  pairs,
  rehearsals,
  representative,
  type Share,
  singles,
  wantedBy,
  weakRehearsals,
} from "./matrix/plan.ts";
import type { Journal } from "./play/journal.ts";
import type { Played } from "./play/scene.ts";
import { type Progress, Theatre } from "./play/theatre.ts";
import { type CrashReport, missedOf, reportOf } from "./report.ts";

export interface CrashOptions {
  readonly database: DatabaseName;
  readonly share: Share;
  /** Plays no more than so many of each phase, drawn by the seed. */
  readonly atMost?: number | undefined;
  readonly seed: number;
  readonly only?: string | undefined;
  /** Companies that are played at a time. */
  readonly lanes: number;
  readonly journal?: Journal | undefined;
  /** The lease that this machine needs. */
  readonly onPace?: (leaseMs: number) => void;
  readonly onProgress: (progress: Progress) => void;
  readonly onViolation: (played: Played) => void;
  /** Each case of a weaker variant of which none was found out. */
  readonly onMissed?: (played: Played) => void;
}

/** Plays the matrix, or a share of it. */
export async function crash(options: CrashOptions): Promise<CrashReport> {
  const {
    database,
    seed,
    lanes,
    journal,
    only,
    atMost,
    onProgress,
    onMissed = () => {},
    onPace = () => {},
  } = options;
  const startedAtMs = performance.now();
  const theatre = await Theatre.open({ database, seed, lanes, journal, onProgress });
  try {
    onPace(await theatre.measurePace());
    const right = await playAll(theatre, options);
    const weak = only === undefined ? await playWeak(theatre, options) : [];
    missedOf(weak).forEach(onMissed);
    const seconds = (performance.now() - startedAtMs) / 1_000;
    return reportOf(
      { database, seed, seconds, whole: only === undefined && atMost === undefined },
      right,
      weak,
    );
  } finally {
    await theatre.close();
  }
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
  const first = chosen(singles(rehearsed, theatre.database, share).filter(isWanted));
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
  const planned = singles(rehearsed, theatre.database, share);
  const faulty = share === "representative" ? planned.filter(({ of }) => tellingFor(of)) : planned;
  return [...rehearsed, ...(await theatre.play("what is weaker", faulty))];
}

/** In a share, only those cases of a weaker variant that need their fault to be caught. */
function tellingFor({ weakness, point }: Case): boolean {
  if (weakness === "no-fence") return point === "call.after#1";
  if (weakness === "signal-not-heard") return point === "call.sending#1";
  return weakness === "nothing-durable-before" && point === "intent.beforeCommit#1";
}
