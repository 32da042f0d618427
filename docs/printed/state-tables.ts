import { type EvidenceKind, type OperationState, operationStates, operationTable } from "@outrigger/ledger";
import type { Language } from "./state-picture.ts";

/** Every move, in the words of the code. */
export function moveTable(language: Language): string {
  const head =
    language === "en"
      ? "| from | learnt | when | to | business row |"
      : "| 상태 | 알게 된 것 | 조건 | 다음 상태 | 업무 행 |";
  const rows = operationStates.flatMap((state) =>
    Object.entries(operationTable[state]).flatMap(([evidence, rules]) =>
      rules.map(({ when, to, business, nextProvider }) => {
        const next = nextProvider ? (language === "en" ? ", next provider" : ", 다음 제공자") : "";
        return `| ${state} | \`${evidence}\` | ${when === undefined ? "" : `\`${when}\``} | ${to}${next} | ${business ?? ""} |`;
      }),
    ),
  );
  return [head, "|---|---|---|---|---|", ...rows].join("\n");
}

/** Where each state can lead, at a glance: a mark for every pair that some evidence makes. */
export function pairTable(language: Language): string {
  const reached = (from: OperationState, to: OperationState): readonly EvidenceKind[] =>
    (Object.keys(operationTable[from]) as EvidenceKind[]).filter((evidence) =>
      operationTable[from][evidence]?.some((rule) => rule.to === to),
    );
  const head = `| ${language === "en" ? "from ↓ to →" : "에서 ↓ 으로 →"} | ${operationStates.join(" | ")} |`;
  const rows = operationStates.map((from) => {
    const cells = operationStates.map((to) => (reached(from, to).length > 0 ? "●" : ""));
    return `| ${from} | ${cells.join(" | ")} |`;
  });
  return [head, `|---|${operationStates.map(() => ":-:|").join("")}`, ...rows].join("\n");
}
