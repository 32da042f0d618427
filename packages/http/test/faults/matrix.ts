import { connectFaults } from "./connect-faults.ts";
import { http2Faults } from "./http2-faults.ts";
import { processFaults, stopProcesses } from "./process-faults.ts";
import { type Kind, kinds, type Outcome, run, type Scenario } from "./run.ts";
import { greetingFaults, requestFaults } from "./wire-faults.ts";
import type { Fault } from "./world.ts";

export const faults: readonly Fault[] = [
  ...connectFaults,
  ...greetingFaults,
  ...requestFaults.filter(({ stage }) => stage === "before the answer"),
  ...processFaults.filter(({ stage }) => stage === "before the answer"),
  ...requestFaults.filter(({ stage }) => stage === "head" || stage === "body"),
  ...requestFaults.filter(({ stage }) => stage === "idle"),
  ...processFaults.filter(({ stage }) => stage === "idle"),
  ...http2Faults,
  ...requestFaults.filter(({ stage }) => stage === "status"),
];

/** More often than anything is tried. */
const lasting = 99;

export type Result = Scenario & { readonly outcome: Outcome };

/** Every fault, on every connection that it can strike, for every kind of request, once and without an end. */
function scenarios(): Scenario[] {
  return faults.flatMap((fault) =>
    fault.on.flatMap((connection) =>
      (Object.keys(kinds) as Kind[]).flatMap((kind) =>
        [1, lasting].flatMap((times) => {
          const strike = { applies: fault.acts !== "never", times };
          const scenario = { fault, kind, connection, strike };
          return [
            scenario,
            // Without an effect nothing can be done twice or denied, so one kind is enough.
            ...(fault.acts === "perhaps" && kind === "unkeyed"
              ? [{ ...scenario, strike: { applies: false, times } }]
              : []),
            ...(requestFaults.includes(fault) ? [{ ...scenario, secure: true }] : []),
          ];
        }),
      ),
    ),
  );
}

export function lasts({ strike }: Scenario): boolean {
  return strike.times === lasting;
}

export async function runAll(): Promise<Result[]> {
  const results: Result[] = [];
  const all = scenarios();
  const work = async (list: readonly Scenario[], width: number): Promise<void> => {
    const next = list.values();
    const worker = async (): Promise<void> => {
      for (const scenario of next) results.push({ ...scenario, outcome: await run(scenario) });
    };
    await Promise.all(Array.from({ length: width }, worker));
  };
  try {
    await work(
      all.filter(({ fault }) => fault.alone !== true),
      8,
    );
    await work(
      all.filter(({ fault }) => fault.alone === true),
      1,
    );
  } finally {
    await stopProcesses();
  }
  return results;
}
