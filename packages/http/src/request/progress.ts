import { answerOf, functionAt } from "@outrigger/core";
import { single } from "../response.ts";
import { isSource, type PreparedRequest } from "../transport/request.ts";

/** How far a body has come, in the attempt that runs. A retry begins again at 0. */
export interface Progress {
  readonly direction: "upload" | "download";
  /** Bytes that were handed to the socket, or that arrived, as they are on the wire. */
  readonly bytes: number;
  /** Undefined when the length is not known beforehand. */
  readonly totalBytes: number | undefined;
  /** Counts the first attempt as 1. */
  readonly attempt: number;
}

export type ProgressListener = (progress: Progress) => void;

type OnChunk = NonNullable<PreparedRequest["onProgress"]>;

/**
 * Turns chunks into sums. What the listener throws, or rejects with, is dropped: it runs among the parts of the call,
 * where a throw would be taken for a broken connection.
 */
export function progressOf(
  listener: ProgressListener,
  { body, progress }: Pick<PreparedRequest, "body" | "progress">,
): OnChunk {
  functionAt("onProgress", listener);
  const uploadBytes = isSource(body) ? body.length : body?.byteLength;
  let exchange = progress.current;
  let sentBytes = 0;
  let receivedBytes = 0;
  return (way, bytes) => {
    if (exchange !== progress.current) {
      exchange = progress.current;
      sentBytes = 0;
      receivedBytes = 0;
    }
    const { attempts: attempt } = progress;
    if (way === "sent") {
      sentBytes += bytes;
      answerOf(listener, { direction: "upload", bytes: sentBytes, totalBytes: uploadBytes, attempt });
    } else {
      receivedBytes += bytes;
      const length = Number(single(exchange?.headers?.["content-length"]) ?? Number.NaN);
      const totalBytes = Number.isSafeInteger(length) ? length : undefined;
      answerOf(listener, { direction: "download", bytes: receivedBytes, totalBytes, attempt });
    }
  };
}
