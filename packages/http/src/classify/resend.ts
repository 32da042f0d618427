/** Facts about an attempt whose connection failed. */
export interface ConnectionLoss {
  /** The request was handed to the socket: from here on bytes may have left. */
  readonly written: boolean;
  /** The connection had served a request before this one. */
  readonly reused: boolean;
  /** Any byte came back after the request was written. */
  readonly answered: boolean;
}

export interface ResendBudget {
  /** Resends of this attempt so far that had never been written. */
  readonly unwritten: number;
  /** Resends of this attempt so far that had been written. */
  readonly written: number;
}

/** Resends of a request that never left. More than one is met only if new connections die as fast as they open. */
export const maxUnwrittenResends = 3;

/** "A client SHOULD NOT automatically retry a failed automatic retry." RFC 9110, section 9.2.2. */
const maxWrittenResends = 1;

/**
 * Whether a request whose connection died may go out again at once, without counting as a retry.
 *
 * - Never written: any method, because the other side has seen nothing.
 * - Written on a reused connection that gave no byte back: the server most likely closed it while we sent (RFC
 *   9112, section 9.5), but nobody can prove that, so only a request whose repetition does no harm goes again.
 * - Anything else is a failure for the layers above, which know about retries, backoff and deadlines.
 */
export function mayResend(loss: ConnectionLoss, repeatable: boolean, spent: ResendBudget): boolean {
  if (!loss.written) return spent.unwritten < maxUnwrittenResends;
  return loss.reused && !loss.answered && repeatable && spent.written < maxWrittenResends;
}
