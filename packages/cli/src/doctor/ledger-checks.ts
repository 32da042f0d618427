import { dueStates, type OperationSummary, type SagaRecord } from "@outrigger/ledger";
import { lateMs, span } from "../commands/when.ts";
import type { Source } from "../source/source.ts";
import type { Text } from "../text/en.ts";
import { bad, type Finding, ok, orOk, warn } from "./finding.ts";

type Ledger = Source["ledger"];

/** What can be asked of a ledger on any database. */
export async function ledgerChecks(text: Text, ledger: Ledger): Promise<readonly Finding[]> {
  const { people, oldest } = text.doctor.checks;
  const { states, oldestOpenMs, sagas } = await ledger.snapshot();
  const { MANUAL } = states;
  const manualSagas = sagas.reduce((sum, each) => sum + each.states.MANUAL, 0);
  return [
    MANUAL === 0 ? ok("people", people.ok) : bad("people", people.bad(String(MANUAL)), people.fix),
    ...(manualSagas === 0 ? [] : [bad("people", people.sagas(String(manualSagas)), people.sagasFix)]),
    oldestOpenMs === null
      ? ok("oldest", oldest.none)
      : oldestOpenMs < oldAfterMs
        ? ok("oldest", oldest.ok(span(text, oldestOpenMs)))
        : warn("oldest", oldest.warn(span(text, oldestOpenMs)), oldest.fix),
    ...(await workerChecks(text, ledger)),
    ...(sagas.length === 0 ? [] : await sagaChecks(text, ledger)),
  ];
}

/** As long as a ledger tries by itself before it tells a person. */
const oldAfterMs = 3_600_000;
/** Resolvers poll four times a second; what waits for so much longer, nobody takes up. */
const lateAfterMs = 60_000;
const pageRows = 1_000;
/** More than this tells nothing new. */
const pagesAtMost = 10;

interface Late {
  readonly row: OperationSummary;
  readonly ms: number;
}

async function workerChecks(text: Text, ledger: Ledger): Promise<readonly Finding[]> {
  const { workers } = text.doctor.checks;
  const { rows, partial } = await openRows(ledger);
  const late = rows.flatMap((row): readonly Late[] => {
    const ms = lateMs(row) ?? 0;
    return ms > lateAfterMs ? [{ row, ms }] : [];
  });
  const sending = late.filter(({ row }) => row.state === "SENDING");
  const forgotten = namesWithout(rows, late);
  const findings = [
    ...(late.length === 0
      ? []
      : forgotten === undefined
        ? [bad("workers", workers.nobody(String(late.length), longest(text, late)), workers.nobodyFix)]
        : [
            bad(
              "workers",
              workers.undefinedHere(forgotten.join(", "), longest(text, late)),
              workers.undefinedFix,
            ),
          ]),
    ...(sending.length === 0
      ? []
      : [bad("leases", workers.leases(String(sending.length), longest(text, sending)), workers.nobodyFix)]),
  ];
  return [
    ...orOk(findings, ok("workers", workers.ok)),
    ...(partial ? [ok("workers", workers.partial(String(rows.length)))] : []),
  ];
}

/** A process without a version leaves its sagas alone, and nothing else says so. */
async function sagaChecks(text: Text, { sagas }: Ledger): Promise<readonly Finding[]> {
  const { ok: fine, late: says, fix } = text.doctor.checks.sagas;
  const open: SagaRecord[] = [];
  for (let after: string | undefined, page = 0; page < pagesAtMost; page += 1) {
    const found = await sagas.list({ limit: pageRows, ...(after !== undefined && { after }) });
    open.push(...found);
    after = found.at(-1)?.id;
    if (found.length < pageRows) break;
  }
  const late = open.flatMap((row) => {
    const ms = lateMs(row) ?? 0;
    return ms > lateAfterMs ? [{ row, ms }] : [];
  });
  if (late.length === 0) return [ok("sagas", fine(String(open.length)))];
  const names = new Set(late.map(({ row }) => `${row.saga} ${row.version}`));
  return [bad("sagas", says([...names].sort().join(", "), longest(text, late)), fix)];
}

/** Operations none of which is taken up in time, where others are; undefined where none is. */
function namesWithout(
  rows: readonly OperationSummary[],
  late: readonly Late[],
): readonly string[] | undefined {
  const lateIds = new Set(late.map(({ row }) => row.id));
  const takenUp = new Set(rows.filter(({ id }) => !lateIds.has(id)).map(({ operation }) => operation));
  const names = [...new Set(late.map(({ row }) => row.operation))].filter((name) => !takenUp.has(name));
  return takenUp.size === 0 || names.length === 0 ? undefined : names.sort();
}

async function openRows(
  ledger: Ledger,
): Promise<{ readonly rows: readonly OperationSummary[]; readonly partial: boolean }> {
  const rows: OperationSummary[] = [];
  let after: string | undefined;
  for (let page = 0; page < pagesAtMost; page += 1) {
    const { operations, next } = await ledger.list({ states: dueStates, limit: pageRows, after });
    rows.push(...operations);
    if (next === null) return { rows, partial: false };
    after = next;
  }
  return { rows, partial: true };
}

function longest(text: Text, late: readonly Pick<Late, "ms">[]): string {
  return span(text, Math.max(...late.map(({ ms }) => ms)));
}
