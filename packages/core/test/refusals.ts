/** The whole of what is said by whoever refuses a wrong option; undefined when nothing is refused. */
export function refusal(make: () => unknown): string | undefined {
  try {
    make();
    return undefined;
  } catch (error) {
    return error instanceof TypeError || error instanceof RangeError ? error.message : `thrown: ${error}`;
  }
}
