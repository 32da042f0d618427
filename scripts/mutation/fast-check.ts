import fc from "fast-check";

/** One seed, so that the same mutants go unnoticed each time. */
const seed = 20_260_101;
/** Fewer runs of each property: a mutant that a property notices is nearly always noticed in the first ones. */
const mostRuns = 40;

const assert = ((property: never, parameters?: fc.Parameters<unknown>) =>
  fc.assert(property, {
    seed,
    ...parameters,
    numRuns: Math.min(parameters?.numRuns ?? mostRuns, mostRuns),
  } as never)) as typeof fc.assert;

// biome-ignore lint/style/noDefaultExport: it stands in for a package that has one.
export default { ...fc, assert };
export * from "fast-check";
export { assert };
