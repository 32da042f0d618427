import type { Call } from "@outrigger/core";
import type { HttpResponse } from "../response.ts";
import type { PreparedRequest } from "../transport/request.ts";
import type { StreamedResponse } from "../transport/streamed-response.ts";

/** A request on its way through the policies, and its answer. */
export type Send = Call<PreparedRequest, HttpResponse | StreamedResponse>;
