import type { ExchangeRequest } from "../../exchange-request.ts";
import type { HttpFailure } from "../../failure.ts";
import { httpFailureCodes, HttpFailure as Refusal } from "../../failure.ts";
import { isTransportHeader } from "../../request/headers.ts";
import type { ResponseHeaders } from "../../response.ts";
import { effectHeader } from "../effect-of.ts";
import { refuseClientRetries } from "./client-retries.ts";
import { type Door, doorFor } from "./door.ts";

type Pairs = readonly (readonly [string, string])[];

/** A request as a client hands it over. */
export interface ClientRequest {
  readonly method: string;
  readonly url: string;
  /** The client's own, those of its transport among them. */
  readonly headers: Pairs;
  readonly body?: ExchangeRequest["body"];
  readonly signal?: AbortSignal | undefined;
  /** The client wants the bytes of the answer as they are stored, whatever the integration does with others. */
  readonly raw?: boolean | undefined;
}

/** The answer as a client gets it, whatever its status. */
export interface ClientAnswer {
  readonly status: number;
  /** Without those of the connection; with the effect, if the answer is no success. */
  readonly headers: Pairs;
  readonly body: ReadableStream<Uint8Array>;
  readonly failure: HttpFailure | undefined;
}

/** Of one connection only; the client sees none. */
const ofConnection: ReadonlySet<string> = new Set([
  "connection",
  "keep-alive",
  "proxy-connection",
  "te",
  "trailer",
  "transfer-encoding",
  "upgrade",
]);

/**
 * Makes a client's request through the integration that its URL belongs to.
 *
 * @throws {@link HttpFailure} when no answer came; its effect says whether the service may have acted.
 */
export async function exchangeFor(doors: readonly Door[], request: ClientRequest): Promise<ClientAnswer> {
  const door = doorFor(doors, request.url) ?? (doors.length === 1 ? doors[0] : undefined);
  if (door === undefined) throw noDoor(doors, request);
  refuseClientRetries(door.name, request.method, request.headers);
  const { method, url, signal, body, raw } = request;
  const answer = await door.exchange({
    method,
    url,
    headers: request.headers.filter(([name, value]) => !isTransports(name, value, url)),
    stream: true,
    ...(raw === true ? { decompress: false } : {}),
    ...(body === undefined ? {} : { body, contentLength: lengthIn(request.headers) }),
    ...(signal === undefined ? {} : { signal }),
  });
  return {
    status: answer.status,
    headers: answerHeaders(answer.headers, answer.failure),
    body: answer.body,
    failure: answer.failure,
  };
}

/**
 * A host that is not the URL's goes on, to be refused: dropping it would lead the request elsewhere. So does a wish for
 * another protocol, which would be passed over in silence.
 */
function isTransports(name: string, value: string, url: string): boolean {
  if (!isTransportHeader(name) || name.toLowerCase() === "upgrade") return false;
  return name.toLowerCase() !== "host" || !URL.canParse(url) || hostOf(value, url) === new URL(url).host;
}

/** Without the port that the scheme implies, as `URL` has it. */
function hostOf(value: string, url: string): string {
  const { protocol } = new URL(url);
  return URL.canParse(`${protocol}//${value}`) ? new URL(`${protocol}//${value}`).host : value;
}

function answerHeaders(headers: ResponseHeaders, failure: HttpFailure | undefined): Pairs {
  const pairs: [string, string][] = [];
  for (const [name, values] of Object.entries(headers)) {
    // A provider that sent the effect itself would have us say what it likes.
    if (values === undefined || ofConnection.has(name) || name === effectHeader) continue;
    for (const value of typeof values === "string" ? [values] : values) pairs.push([name, value]);
  }
  if (failure !== undefined) pairs.push([effectHeader, failure.effect]);
  return pairs;
}

/** Which the client knows of a stream, and its service may insist on. */
function lengthIn(headers: Pairs): number | undefined {
  const value = headers.find(([name]) => name.toLowerCase() === "content-length")?.[1];
  return value === undefined ? undefined : Number(value);
}

function noDoor(doors: readonly Door[], { method, url }: ClientRequest): Refusal {
  const names = doors.map((door) => door.name).join(", ");
  const where = URL.canParse(url) ? new URL(url).origin : "the URL";
  return new Refusal(`${where} belongs to none of the integrations ${names}`, {
    code: httpFailureCodes.requestInvalid,
    effect: "none",
    kind: "rejected",
    transient: false,
    integration: names,
    operation: method.toUpperCase(),
  });
}
