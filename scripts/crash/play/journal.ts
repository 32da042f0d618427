import { createHash } from "node:crypto";
import { appendFileSync, existsSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { Played } from "./scene.ts";

const root = fileURLToPath(new URL("../../../", import.meta.url));
/** What the evidence is of. */
const folders = ["packages/core/src", "packages/ledger/src", "scripts/crash"];

/** What was played of one run, so that one that was interrupted goes on where it stood. */
export interface Journal {
  played(phase: string): readonly Played[];
  write(phase: string, played: Played): void;
}

interface Line {
  readonly run: string;
  readonly phase: string;
  readonly played: Played;
}

/**
 * A file of JSON lines, for any number of runs.
 *
 * @param run - What has to be the same for what was played to count.
 * @throws Error when it tells of other sources than those that stand here.
 */
export function journalIn(file: string, run: string): Journal {
  const head = `${JSON.stringify({ sources: sourcesNow() })}\n`;
  if (!existsSync(file)) writeFileSync(file, head);
  const text = readFileSync(file, "utf8");
  if (!text.startsWith(head)) {
    throw new Error(
      `--journal ${file} tells of other sources than those that stand here, or is no journal; remove it, or name another file`,
    );
  }
  // What was being written when the run was interrupted is played again.
  const whole = text.slice(0, text.lastIndexOf("\n") + 1);
  if (whole !== text) writeFileSync(file, whole);
  const known = new Map<string, Played[]>();
  for (const text of whole.slice(head.length).split("\n").slice(0, -1)) {
    const line = JSON.parse(text) as Line;
    if (line.run !== run) continue;
    const ofPhase = known.get(line.phase);
    if (ofPhase === undefined) known.set(line.phase, [line.played]);
    else ofPhase.push(line.played);
  }
  return {
    played: (phase) => known.get(phase) ?? [],
    write(phase, played) {
      appendFileSync(file, `${JSON.stringify({ run, phase, played } satisfies Line)}\n`);
    },
  };
}

function sourcesNow(): string {
  const hash = createHash("sha256");
  for (const folder of folders) {
    const files = readdirSync(join(root, folder), { recursive: true, encoding: "utf8" }).filter(
      (file) => file.endsWith(".ts") && !file.endsWith(".test.ts"),
    );
    for (const file of files.toSorted()) hash.update(file).update(readFileSync(join(root, folder, file)));
  }
  return hash.digest("hex");
}
