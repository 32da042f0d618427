import type { Call } from "@outrigger/core";
import type { HttpResponse } from "../response.ts";
import { Attempt, type TransportSettings } from "./attempt.ts";
import type { PreparedRequest } from "./request.ts";
import type { StreamedResponse } from "./streamed-response.ts";

/**
 * One attempt: a connection, the request on it, the whole answer.
 *
 * Resolves when the body has been read to its end, so that a slot held around it is held until the work is over; for a
 * streamed answer it resolves at the head, and the context says that work goes on until the body has ended.
 */
export function transport(
  settings: TransportSettings,
): Call<PreparedRequest, HttpResponse | StreamedResponse> {
  return (request, context) =>
    new Promise((resolve, reject) => {
      new Attempt(settings, request, context, resolve, reject).begin();
    });
}
