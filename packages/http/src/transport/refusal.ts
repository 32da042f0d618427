/** RFC 9113, section 7. */
const refusedStream = 7;

/**
 * Whether the server said that it has not processed the stream: RST_STREAM with REFUSED_STREAM, or a GOAWAY that does not
 * reach up to it (RFC 9113, section 8.7).
 */
export function isRefusal(error: unknown): boolean {
  if (!(error instanceof Error)) return false;
  if ("http2ErrorCode" in error) return error.http2ErrorCode === refusedStream;
  return error.message.startsWith('HTTP/2: "GOAWAY" frame received');
}
