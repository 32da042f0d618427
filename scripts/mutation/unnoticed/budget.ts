import type { Explanation } from "../unnoticed.ts";

export const budget: readonly Explanation[] = [
  {
    file: "packages/core/src/budget/load-budget.ts",
    line: 'const isPercentage = typeof value === "number" && value > 1 && value <= 100;',
    was: "value > 1",
    becomes: "value >= 1",
    why: "1 lies in the range of both options, so nothing is refused where the two differ.",
  },
  {
    file: "packages/core/src/budget/load-budget.ts",
    line: "if (after <= rounding) return true;",
    was: "after <= rounding",
    becomes: "after < rounding",
    why: "The allowance for rounding is far from any sum that whole calls and a ratio can give, so nothing equals it.",
  },
  {
    file: "packages/core/src/budget/load-budget.ts",
    line: "return all <= allowance.common + rounding;",
    was: "all <= allowance.common + rounding",
    becomes: "all < allowance.common + rounding",
    why: "The allowance for rounding is there so that no sum comes to lie exactly on the bound.",
  },
  {
    file: "packages/core/src/budget/load-account.ts",
    line: "this.#slideTo(epoch);",
    was: "this.#slideTo(epoch);",
    becomes: ";",
    why: "An extra call is taken right after the counts of the same moment were asked for, and first tries are counted right after extra calls: each has slid the window already.",
  },
  {
    file: "packages/core/src/budget/load-account.ts",
    line: "if (epoch - this.#epoch >= accountSlots) {",
    was: "epoch - this.#epoch >= accountSlots",
    becomes: "epoch - this.#epoch > accountSlots",
    why: "When exactly a window has passed, the other branch clears all of its parts one by one.",
  },
  {
    file: "packages/core/src/budget/load-account.ts",
    line: "if (epoch <= this.#epoch) return;",
    was: "epoch <= this.#epoch",
    becomes: "epoch < this.#epoch",
    why: "In the same part of time none has passed, so there is nothing to clear and the epoch stays what it is.",
  },
];
