import { type FindingClass, findingClasses, type ItemClass } from "./classify.ts";
import { itemClasses, type ReconciliationReport, type ReportDay } from "./report.ts";

/** What a class means, for people. */
const meanings: Readonly<Record<ItemClass, string>> = {
  matched: "both say the same",
  absent: "no effect on either side",
  open: "the ledger is still at it",
  young: "too young to tell",
  amountMismatch: "the amounts differ",
  statusMismatch: "refused or undone there, not so here",
  orphanRemote: "an effect that the ledger knows nothing of",
  doneWithoutRemote: "committed here, and not on the list",
  remoteWithoutDone: "took effect there, and is not committed here",
  duplicate: "several effects under one key",
  brokenLine: "a line that could not be read",
};

/** A page that needs nothing else: no script, no font, no request; in the reader's light or dark. */
export function reportHtml(report: ReconciliationReport): string {
  const { name, from, to, operation, provider } = report;
  const title = `Reconciliation ${name}, ${from} to ${to}`;
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>${escaped(title)}</title>
<style>${style}</style>
</head>
<body>
<main>
<h1>${escaped(title)}</h1>
<p>Operation <code>${escaped(operation)}</code> at provider <code>${escaped(provider)}</code>. ${escaped(verdict(report))}</p>
${picture(report.days)}
${table(
  "Classes",
  ["class", "meaning", "count"],
  itemClasses
    .filter((each) => report.counts[each] > 0)
    .map((each) => [swatch(each), escaped(meanings[each]), number(report.counts[each])]),
)}
${table(
  "Sums",
  ["currency", "provider", "ledger", "difference"],
  report.currencies.map(({ currency, remote, local, difference }) => [
    escaped(currency === "" ? "none named" : currency),
    escaped(remote),
    escaped(local),
    escaped(difference),
  ]),
)}
${table(
  "Days",
  ["day", ...shownClasses(report), "difference"],
  report.days.map((day) => [
    escaped(day.day),
    ...shownClasses(report).map((each) => number(day.counts[each] ?? 0)),
    escaped(
      day.currencies
        .filter(({ difference }) => difference !== "0")
        .map(({ difference, currency }) => `${difference} ${currency}`)
        .join(", ") || "0",
    ),
  ]),
)}
${table(
  report.truncated ? `The first ${report.findings.length} findings` : "Findings",
  ["day", "class", "key", "what is done", "what came of it", "details"],
  report.findings.map((each) => [
    escaped(each.day),
    swatch(each.class),
    `<code>${escaped(each.key)}</code>`,
    escaped(each.cleared ? `${each.action}, gone since` : each.action),
    escaped(each.outcome ?? (each.actionState === "pending" ? "not yet done" : "")),
    `<details><summary>both sides</summary><pre>${escaped(JSON.stringify(each.details, null, 2))}</pre></details>`,
  ]),
)}
</main>
</body>
</html>
`;
}

function verdict({ counts, days }: ReconciliationReport): string {
  const found = findingClasses.reduce((sum, each) => sum + counts[each], 0);
  if (days.length === 0) return "No day of it is done.";
  return found === 0
    ? `Both sides agree on all ${number(counts.matched)}.`
    : `${number(found)} of ${number(found + counts.matched)} disagree or could not be read.`;
}

const shownClasses = ({ counts }: ReconciliationReport): readonly ItemClass[] =>
  itemClasses.filter((each) => counts[each] > 0);

const width = 960;
const left = 64;
const panelHeight = 120;
const gap = 46;
const top = 26;

/**
 * The days as two rows of bars, each with its own scale: on one scale with what agrees, what disagrees would not be seen.
 */
function picture(days: readonly ReportDay[]): string {
  if (days.length === 0) return "";
  const height = top + 2 * panelHeight + gap + 24;
  const step = (width - left - 8) / days.length;
  const bar = Math.max(1, Math.min(48, step * 0.7));
  const agreed = days.map(({ counts }) => counts.matched ?? 0);
  const found = days.map(({ counts }) => findingClasses.reduce((sum, each) => sum + (counts[each] ?? 0), 0));
  const second = top + panelHeight + gap;
  const parts: string[] = [
    axis("matched", top, Math.max(...agreed)),
    axis("disagreements", second, Math.max(...found)),
  ];
  const every = Math.ceil(days.length / 12);
  for (const [index, { day, counts }] of days.entries()) {
    const x = left + step * index + (step - bar) / 2;
    parts.push(
      rectangle(
        "matched",
        { x, bottom: top + panelHeight, bar },
        counts.matched ?? 0,
        Math.max(...agreed),
        day,
      ),
    );
    let bottom = second + panelHeight;
    for (const each of findingClasses) {
      const count = counts[each] ?? 0;
      parts.push(rectangle(each, { x, bottom, bar }, count, Math.max(...found), day));
      bottom -= scaled(count, Math.max(...found));
    }
    if (index % every === 0) {
      parts.push(
        `<text x="${round(x + bar / 2)}" y="${second + panelHeight + 16}" text-anchor="middle">${escaped(day.slice(5))}</text>`,
      );
    }
  }
  const label = `${days.length} days: ${number(sum(agreed))} matched, ${number(sum(found))} disagreements`;
  return `<figure><svg viewBox="0 0 ${width} ${height}" role="img" aria-label="${escaped(label)}"><title>${escaped(label)}</title>${parts.filter((each) => each !== "").join("")}</svg></figure>`;
}

const sum = (counts: readonly number[]): number => counts.reduce((all, each) => all + each, 0);
const scaled = (count: number, most: number): number => (most === 0 ? 0 : (count / most) * panelHeight);
const round = (value: number): number => Math.round(value * 100) / 100;

function axis(name: string, y: number, most: number): string {
  const bottom = y + panelHeight;
  return (
    `<text x="${left}" y="${y - 10}" class="head">${name}</text>` +
    `<line x1="${left}" x2="${width - 8}" y1="${bottom}" y2="${bottom}"/>` +
    `<text x="${left - 8}" y="${y + 10}" text-anchor="end">${number(most)}</text>` +
    `<text x="${left - 8}" y="${bottom}" text-anchor="end">0</text>`
  );
}

function rectangle(
  of: ItemClass,
  { x, bottom, bar }: { readonly x: number; readonly bottom: number; readonly bar: number },
  count: number,
  most: number,
  day: string,
): string {
  if (count === 0) return "";
  const height = scaled(count, most);
  return `<rect class="c-${of}" x="${round(x)}" y="${round(bottom - height)}" width="${round(bar)}" height="${round(height)}"><title>${escaped(`${day} ${of}: ${number(count)}`)}</title></rect>`;
}

function swatch(of: ItemClass): string {
  return `<svg class="swatch" viewBox="0 0 10 10" aria-hidden="true"><rect class="c-${of}" width="10" height="10"/></svg> ${of}`;
}

function table(title: string, head: readonly string[], rows: readonly (readonly string[])[]): string {
  if (rows.length === 0) return "";
  const cells = (row: readonly string[]): string => row.map((cell) => `<td>${cell}</td>`).join("");
  return `<h2>${escaped(title)}</h2>
<div class="wide"><table><thead><tr>${head.map((cell) => `<th scope="col">${escaped(cell)}</th>`).join("")}</tr></thead>
<tbody>
${rows.map((row) => `<tr>${cells(row)}</tr>`).join("\n")}
</tbody></table></div>`;
}

function number(value: number): string {
  return value.toLocaleString("en");
}

const entities: Readonly<Record<string, string>> = {
  "&": "&amp;",
  "<": "&lt;",
  ">": "&gt;",
  '"': "&quot;",
  "'": "&#39;",
};

function escaped(text: string): string {
  return text.toWellFormed().replace(/[&<>"']/g, (each) => entities[each] ?? each);
}

/** Told apart without colour vision too: the tables name each. Source: Okabe and Ito, 2008. */
const colours: Readonly<Record<FindingClass | "matched", string>> = {
  matched: "#0072b2",
  amountMismatch: "#e69f00",
  statusMismatch: "#56b4e9",
  orphanRemote: "#d55e00",
  doneWithoutRemote: "#cc79a7",
  remoteWithoutDone: "#009e73",
  duplicate: "#b8a800",
  brokenLine: "#888888",
};

const style = `
:root { --ground: #fff; --ink: #1a1d21; --faint: #626a73; --line: #d9dde2; }
@media (prefers-color-scheme: dark) { :root { --ground: #14171a; --ink: #e6e9ec; --faint: #9aa3ad; --line: #343a40; } }
body { margin: 0; background: var(--ground); color: var(--ink); font: 15px/1.5 system-ui, sans-serif; }
main { max-width: 1040px; margin: 0 auto; padding: 24px 16px 64px; }
h1 { font-size: 1.5rem; } h2 { font-size: 1.1rem; margin: 2rem 0 .5rem; }
figure { margin: 16px 0; } svg text { fill: var(--faint); font-size: 12px; } svg .head { fill: var(--ink); }
svg line { stroke: var(--line); } svg rect { fill: var(--faint); }
.swatch { width: 10px; height: 10px; }
.wide { overflow-x: auto; } table { border-collapse: collapse; width: 100%; }
th, td { text-align: left; vertical-align: top; padding: 4px 12px 4px 0; border-bottom: 1px solid var(--line); }
th { color: var(--faint); font-weight: 500; } pre { overflow-x: auto; max-width: 60ch; }
${Object.entries(colours)
  .map(([of, colour]) => `svg rect.c-${of} { fill: ${colour}; }`)
  .join("\n")}
`;
