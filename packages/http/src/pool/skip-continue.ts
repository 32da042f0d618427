import type { Socket } from "node:net";

/** `HTTP/1.1 100` and its older kin, up to the digit after the dot. */
const start = Buffer.from("HTTP/1.");
const end = Buffer.from("\r\n\r\n");

/** What the head of an answer may come to. */
const maxHeldBytes = 16 * 1024;

/**
 * Passes over a `100 Continue` that nobody asked for.
 *
 * "A client MUST be able to parse one or more 1xx responses received prior to a final response, even if the client does
 * not expect one" (RFC 9110, section 15.2); some servers send it for every request with a body. undici takes it for a
 * broken answer, and a payment would end in doubt for it. It reads from the socket by `read()`, so that is where the
 * bytes are taken out. Not recognized is a 100 whose first piece is shorter than its status.
 *
 * @param isAwaited - Whether the head of an answer is what comes next: in a body the same bytes mean nothing.
 */
export function skipContinue(socket: Socket, isAwaited: () => boolean): void {
  const read = socket.read.bind(socket);
  /** The beginning of one, until its end has come. */
  let held: Buffer | undefined;
  socket.read = (size?: number): unknown => {
    let chunk: unknown = read(size);
    if (held !== undefined && Buffer.isBuffer(chunk)) {
      chunk = Buffer.concat([held, chunk]);
      held = undefined;
    }
    while (Buffer.isBuffer(chunk) && isContinue(chunk) && isAwaited()) {
      const at = chunk.indexOf(end);
      // One that never ends is passed on, to be refused like any other head that is too large.
      if (at === -1 && chunk.length > maxHeldBytes) return chunk;
      if (at === -1) {
        held = chunk;
        return null;
      }
      const rest = chunk.subarray(at + end.length);
      chunk = rest.length > 0 ? rest : read(size);
    }
    return chunk;
  };
}

/** Looks at the status first, because nearly every chunk differs there. */
function isContinue(chunk: Buffer): boolean {
  return (
    chunk[9] === 0x31 &&
    chunk[10] === 0x30 &&
    chunk[11] === 0x30 &&
    chunk.subarray(0, start.length).equals(start)
  );
}
