import type { Explanation } from "../unnoticed.ts";

export const budget: readonly Explanation[] = [
  {
    file: "packages/core/src/budget/load-budget.ts",
    line: 'const isPercentage = typeof value === "number" && value > 1 && value <= 100;',
    was: "value > 1",
    becomes: "value >= 1",
    why: "1 lies in the range of both options, so nothing is refused where the two differ.",
  },
];
