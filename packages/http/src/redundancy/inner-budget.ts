import { budgetAt, type LoadBudget } from "@outrigger/core";

/**
 * A budget as the integrations inside of a redundant one share it: what they send beyond first tries comes out of the
 * same account, and only the call as a whole earns, not each provider that it reaches.
 *
 * ```
 * const budget = loadBudget();
 * const toss = httpIntegration({ ..., retry: { budget: innerBudget(budget) } });
 * const payments = redundantIntegration({ ..., budget });
 * ```
 */
export function innerBudget(budget: LoadBudget): LoadBudget {
  budgetAt("innerBudget", budget);
  return {
    name: budget.name,
    get ratio() {
      return budget.ratio;
    },
    get minPerSecond() {
      return budget.minPerSecond;
    },
    began() {},
    succeeded: () => budget.succeeded?.(),
    failed: () => budget.failed?.(),
    reserve: (nowMs) => budget.reserve(nowMs),
  };
}
