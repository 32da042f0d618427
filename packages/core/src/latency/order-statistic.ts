/**
 * How far above a quantile one must look to be above it with 95 % confidence: of `size` independent samples, the
 * share of the smallest ones whose largest is such an upper bound. Undefined while there are too few samples for
 * any such statement: fewer than ln 0.05 / ln `quantile`, 299 for 0.99 and 2,995 for 0.999.
 *
 * Distribution-free: how many samples lie above the true quantile is binomial, whatever the latencies are.
 *
 * @param quantile - Range: between 0 and 1.
 */
export function upperBoundLevel(quantile: number, size: number): number | undefined {
  const above = samplesAbove(size, 1 - quantile);
  return above === undefined ? undefined : (size - above) / size;
}

const risk = 0.05;
/** The 95 % point of the normal distribution. */
const z = 1.6449;

/** The largest m for which at most m of `size` samples lie above the quantile with probability 5 % or less. */
function samplesAbove(size: number, share: number): number | undefined {
  const mean = size * share;
  if (mean > 500) {
    // By then the normal approximation is off by less than the one sample that is taken off for it.
    return Math.floor(mean - z * Math.sqrt(mean * (1 - share))) - 1;
  }
  let term = (1 - share) ** size;
  let cumulative = term;
  if (cumulative > risk) return undefined;
  for (let count = 0; ; count += 1) {
    term *= ((size - count) / (count + 1)) * (share / (1 - share));
    if (cumulative + term > risk) return count;
    cumulative += term;
  }
}
