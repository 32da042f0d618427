import type { OperationRecord } from "@outrigger/ledger";
import type { Looked } from "../worker/messages.ts";
import type { CrashProvider } from "./provider.ts";
import type { Scene } from "./scene.ts";

/** Of what repeats itself for long, its beginning and its end. */
const shownAtEachEnd = 12;

function shortened<T>(items: readonly T[]): readonly (T | undefined)[] {
  if (items.length <= 2 * shownAtEachEnd + 1) return items;
  return [...items.slice(0, shownAtEachEnd), undefined, ...items.slice(-shownAtEachEnd)];
}

/** Everything that is known of a case in which a promise was broken. */
export function accountOf(
  scene: Scene,
  wrong: readonly string[],
  looked: readonly Looked[],
  statuses: ReadonlyMap<string, string>,
  provider: CrashProvider,
): string {
  const lines = [`${scene.name} (promised: ${scene.promised})`, ...wrong.map((each) => `  WRONG ${each}`)];
  for (const [index, { points, standing, answers }] of scene.parts.entries()) {
    lines.push(
      `  process ${index + 1} came by ${
        shortened(points)
          .map((each) => each?.point ?? "...")
          .join(", ") || "nothing"
      }`,
    );
    if (standing !== undefined) lines.push(`    the fault struck at ${standing}`);
    if (answers !== undefined) lines.push(`    its callers were answered: ${answers.join(", ")}`);
  }
  for (const order of scene.orders) {
    const { record, standing } = looked.find((each) => each.order === order) ?? {};
    lines.push(
      `  ${order}: order ${statuses.get(order) ?? "not there"}, operation ${standing ?? "not asked"}`,
    );
    for (const entry of shortened(record?.history ?? [])) {
      lines.push(`    ${entry === undefined ? "..." : moveOf(entry)}`);
    }
    for (const each of shortened(provider.requests(order))) {
      lines.push(`    asked of the provider: ${each ?? "..."}`);
    }
    for (const { atMs, kind, key, provider: name } of provider.journal(order)) {
      lines.push(`    ${new Date(atMs).toISOString()} provider ${name} did: ${kind} ${key}`);
    }
  }
  lines.push(`  again: npm run crash -- --only "${scene.name}"`);
  return lines.join("\n");
}

function moveOf({ at, fence, from, to, why, evidence, by }: OperationRecord["history"][number]): string {
  const details = [evidence, by].filter((each) => each !== null).join("; ");
  return `${at} fence ${fence}: ${from ?? "-"} -> ${to}: ${why}${details === "" ? "" : ` (${details})`}`;
}
