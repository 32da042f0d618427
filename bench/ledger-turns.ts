import type { Side } from "./ledger-cases.ts";
import { median } from "./measure.ts";

/** What a part of the bench gets. */
export interface BenchContext {
  /** The address of a new database. */
  readonly fresh: () => Promise<string>;
  readonly rounds: number;
  /** Ended operations beside which recovery is measured. */
  readonly history: number;
  /** Tells how far it has come. */
  readonly say: (text: string) => void;
}

/** A claim with its bound. */
export interface Judged {
  readonly claim: string;
  /** Undefined where it could not be measured. */
  readonly value: number | undefined;
  readonly bound: string;
  readonly kept: boolean;
}

/** Whole operations a second by side and callers, one number for each round. */
export type Measured = ReadonlyMap<string, readonly number[]>;

export interface PartResult {
  readonly measured?: Measured;
  readonly judged: readonly Judged[];
}

export interface Part {
  readonly name: string;
  run(context: BenchContext): Promise<PartResult>;
}

export const turnMs = 1_000;
export const callers = [1, 64] as const;

/**
 * All sides are warm before the first round; in a round they take turns, and a ratio is one of two turns of the same round,
 * so what else the machine does meets all of them alike.
 */
export async function inTurns(
  sides: readonly Side[],
  { rounds, say }: Pick<BenchContext, "rounds" | "say">,
): Promise<Measured> {
  const measured = new Map<string, number[]>();
  for (const count of callers) {
    for (const side of sides) {
      say(`warming up ${side.name}, ${count} callers`);
      await perSecond(side, count, turnMs);
    }
    for (let round = 1; round <= rounds; round += 1) {
      say(`${count} callers: round ${round} of ${rounds}`);
      for (const side of round % 2 === 0 ? sides : sides.toReversed()) {
        const name = `${side.name}, ${count}`;
        measured.set(name, [...(measured.get(name) ?? []), await perSecond(side, count, turnMs)]);
      }
    }
  }
  return measured;
}

export async function perSecond(side: Side, count: number, ms: number): Promise<number> {
  const startedAtMs = performance.now();
  let done = 0;
  await Promise.all(
    Array.from({ length: count }, async () => {
      while (performance.now() - startedAtMs < ms) {
        await side.one();
        done += 1;
      }
    }),
  );
  return (done / (performance.now() - startedAtMs)) * 1_000;
}

/** Of two turns of the same round each. */
export function ratioIn(measured: Measured, name: string, against: string): number {
  return median(
    (measured.get(name) ?? []).map((value, round) => value / (measured.get(against)?.[round] ?? Number.NaN)),
  );
}

export function atLeast(claim: string, value: number, bound: number): Judged {
  return { claim, value, bound: `at least ${bound}`, kept: value >= bound };
}

export function atMost(claim: string, value: number, bound: number): Judged {
  return { claim, value, bound: `at most ${bound}`, kept: value <= bound };
}

export function reported(claim: string, value: number): Judged {
  return { claim, value, bound: "reported", kept: !Number.isNaN(value) };
}

/** What was to be measured and was not is a claim that is not kept. */
export function notMeasured(claim: string, error: unknown): Judged {
  const why = error instanceof Error ? error.message : String(error);
  return { claim: `${claim}: ${why}`, value: undefined, bound: "to be measured", kept: false };
}
