import { type Effect, Failure } from "./failure.ts";

/**
 * The same failure with another effect, and the original as its cause: of the same class, with the same code, message,
 * stack and fields. What a class computes from private state (`get response()`) is read from the original.
 *
 * A copy, because the original may be shared: a limit may reject with one frozen failure, a test may throw the same
 * one twice.
 */
export function withEffect(failure: Failure, effect: Effect): Failure {
  const prototype: object = Object.getPrototypeOf(failure) as object;
  // Made by the constructor of errors, so that the runtime takes it for one; of its class by its prototype.
  const limit = Error.stackTraceLimit;
  Error.stackTraceLimit = 0;
  const copy = new Error(failure.message, { cause: failure });
  Error.stackTraceLimit = limit;
  Object.setPrototypeOf(copy, prototype);
  for (let each = prototype; !isOfPackage(each); each = Object.getPrototypeOf(each) as object) {
    for (const [key, { get }] of Object.entries(Object.getOwnPropertyDescriptors(each))) {
      if (get === undefined || Object.hasOwn(copy, key)) continue;
      Object.defineProperty(copy, key, { get: () => get.call(failure) as unknown, configurable: true });
    }
  }
  const {
    stack: _stack,
    message: _message,
    cause: _cause,
    ...own
  } = Object.getOwnPropertyDescriptors(failure);
  Object.defineProperties(copy, {
    ...own,
    stack: { value: failure.stack, writable: true, configurable: true },
    effect: { value: effect, enumerable: true, writable: true, configurable: true },
  });
  return copy as Failure;
}

/** Where the fields that every failure has are declared; also of another install of this package. */
function isOfPackage(prototype: object | null): boolean {
  return prototype === null || prototype === Failure.prototype || prototype === Error.prototype;
}
