import { decimalOf, type Exact, exact, plus } from "./amount.ts";
import { findingClasses, type ItemClass, quietClasses } from "./classify.ts";
import type { DayTotal } from "./days.ts";
import type { Finding } from "./tables.ts";

export interface ReportAbout {
  readonly name: string;
  readonly operation: string;
  readonly provider: string;
  /** The first and the last day. */
  readonly from: string;
  readonly to: string;
}

export interface CurrencyTotal {
  /** Empty where rows name none. */
  readonly currency: string;
  /** What the provider says was moved, and what the ledger committed. Exact, as decimals. */
  readonly remote: string;
  readonly local: string;
  readonly difference: string;
}

export interface ReportDay {
  readonly day: string;
  readonly counts: Readonly<Partial<Record<ItemClass, number>>>;
  readonly currencies: readonly CurrencyTotal[];
}

/** Plain JSON. */
export interface ReconciliationReport extends ReportAbout {
  readonly days: readonly ReportDay[];
  readonly counts: Readonly<Record<ItemClass, number>>;
  readonly currencies: readonly CurrencyTotal[];
  readonly findings: readonly Finding[];
  /** Whether there are more findings than are listed. */
  readonly truncated: boolean;
}

export const itemClasses: readonly ItemClass[] = [...quietClasses, ...findingClasses];

export function reportOf(
  about: ReportAbout,
  totals: readonly DayTotal[],
  findings: readonly Finding[],
  findingsAtMost: number,
): ReconciliationReport {
  const byDay = Map.groupBy(totals, ({ day }) => day);
  return {
    ...about,
    days: [...byDay].map(([day, of]) => ({
      day,
      counts: Object.fromEntries(countsOf(of)),
      currencies: currenciesOf(of),
    })),
    counts: Object.fromEntries(itemClasses.map((each) => [each, countsOf(totals).get(each) ?? 0])) as Record<
      ItemClass,
      number
    >,
    currencies: currenciesOf(totals),
    findings: findings.slice(0, findingsAtMost),
    truncated: findings.length > findingsAtMost,
  };
}

function countsOf(totals: readonly DayTotal[]): ReadonlyMap<ItemClass, number> {
  const counts = new Map<ItemClass, number>();
  for (const { class: of, count } of totals) counts.set(of, (counts.get(of) ?? 0) + count);
  return counts;
}

function currenciesOf(totals: readonly DayTotal[]): readonly CurrencyTotal[] {
  // What is young is in nobody's sum yet.
  const counted = totals.filter((total) => total.class !== "young" && total.class !== "brokenLine");
  return [...Map.groupBy(counted, ({ currency }) => currency)].map(([currency, of]) => {
    const sum = (amounts: readonly string[]): Exact =>
      amounts.map(exact).reduce(plus, { units: 0n, scale: 0 });
    const remote = sum(of.map(({ remoteSum }) => remoteSum));
    const local = sum(of.map(({ localSum }) => localSum));
    const difference = plus(remote, { units: -local.units, scale: local.scale });
    return {
      currency,
      remote: decimalOf(remote),
      local: decimalOf(local),
      difference: decimalOf(difference),
    };
  });
}

/** The findings as CSV by RFC 4180, one line each. */
export function reportCsv(report: ReconciliationReport): string {
  const head = ["day", "class", "key", "cleared", "action", "action_state", "outcome", "details"];
  const rows = report.findings.map((each) => [
    each.day,
    each.class,
    each.key,
    each.cleared ? "yes" : "no",
    each.action,
    each.actionState,
    each.outcome ?? "",
    JSON.stringify(each.details),
  ]);
  return [head, ...rows].map((row) => `${row.map(csvField).join(",")}\r\n`).join("");
}

/** A spreadsheet runs what begins with one of these. Source: OWASP, "CSV Injection". */
const formula = /^[=+\-@\t\r]/;

function csvField(text: string): string {
  const safe = formula.test(text) ? `'${text}` : text;
  return /[",\r\n]/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe;
}
