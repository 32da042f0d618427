import { isGone, isOpen, type SagaRules, type SagaWorld, stands, stepOf } from "./world.ts";

/** What is wrong with a world, or undefined. */
export function violation(world: SagaWorld, rules: SagaRules): string | undefined {
  if (world.wrong !== null) return world.wrong;
  const standing = rules.steps.filter(({ name }) => stands(stepOf(world, name)));
  if (world.state === "DONE" && standing.length < rules.steps.length)
    return "DONE, and not every step stands";
  if (world.state === "COMPENSATED" && !rules.steps.every(({ name }) => isGone(stepOf(world, name)))) {
    return "COMPENSATED, and something of it may stand";
  }
  return undefined;
}

export function end(world: SagaWorld): string | undefined {
  return world.state === "DONE" || world.state === "COMPENSATED" ? world.state : undefined;
}

/** What is wrong with beginning these steps now. */
export function wrongBegin(world: SagaWorld, rules: SagaRules, names: readonly string[]): string | null {
  for (const { name, needs } of rules.steps.filter((each) => names.includes(each.name))) {
    const before = stepOf(world, name);
    if (!isGone(before) || (before.doing !== null && isOpen(before)))
      return "begun while its operation may stand";
    if (!needs.every((each) => stands(stepOf(world, each)))) return "begun before what it needs";
    if (world.intent === "CANCEL") return "begun after it turned back";
  }
  return null;
}

/** What is wrong with undoing this step now. */
export function wrongUndo(world: SagaWorld, rules: SagaRules, name: string): string | null {
  const pivot = rules.steps.find((each) => each.pivot);
  if (pivot !== undefined && stands(stepOf(world, pivot.name))) return "undone beyond the pivot";
  if (rules.steps.some((each) => isOpen(stepOf(world, each.name)))) return "undone while a step is unknown";
  const later = rules.steps.filter(({ needs }) => needs.includes(name));
  if (later.some((each) => !isGone(stepOf(world, each.name)))) return "undone before what needs it";
  return null;
}
