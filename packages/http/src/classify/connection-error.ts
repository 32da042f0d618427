import type { FailureKind } from "@outrigger/core";
import { ConnectError } from "../connect/connect-error.ts";
import { type HttpStage, httpFailureCodes } from "../failure.ts";

/** What a transport error means, apart from its effect, which follows from whether bytes had left. */
export interface ErrorVerdict {
  readonly code: string;
  readonly transient: boolean;
  readonly text: string;
  /** `failed` where it is left out. */
  readonly kind?: FailureKind | undefined;
}

/** What getaddrinfo fails with. */
export const dnsCodes: ReadonlySet<string> = new Set([
  "ENOTFOUND",
  "EAI_AGAIN",
  "EAI_FAIL",
  "EAI_NODATA",
  "EAI_NONAME",
]);

/** Certificate and protocol errors of OpenSSL and of Node. No repetition mends them. */
const tlsCode =
  /^(?:ERR_TLS_|ERR_SSL_|CERT_|DEPTH_ZERO_|SELF_SIGNED_|UNABLE_TO_|CRL_|INVALID_CA|INVALID_PURPOSE|HOSTNAME_MISMATCH|PATH_LENGTH_)/;

/**
 * An error while the connection was being made: nothing was sent.
 *
 * @param peer - Host and port, for the message.
 */
export function verdictOfConnectError(error: unknown, peer: string): ErrorVerdict {
  const code = codeOf(error);
  if (error instanceof ConnectError) return verdictOf(error);
  if (code === "UND_ERR_CONNECT_TIMEOUT" || code === "ETIMEDOUT") {
    return {
      code: httpFailureCodes.connectTimeout,
      transient: true,
      text: `the connection to ${peer} was not made in time`,
    };
  }
  if (code !== undefined && dnsCodes.has(code)) {
    return {
      code: httpFailureCodes.dnsFailed,
      transient: true,
      text: `the host of ${peer} was not found (${code})`,
    };
  }
  if (code !== undefined && tlsCode.test(code)) {
    return {
      code: httpFailureCodes.tlsFailed,
      transient: false,
      text: `TLS with ${peer} was not established (${code})`,
    };
  }
  return {
    code: httpFailureCodes.connectFailed,
    transient: true,
    text: `the connection to ${peer} was not made (${code ?? nameOf(error)})`,
  };
}

/** Refusing an address is our own rule at work, and says nothing about the service's health. */
function verdictOf({ code, transient, message }: ConnectError): ErrorVerdict {
  const kind = code === httpFailureCodes.addressRefused ? "rejected" : "failed";
  return { code, transient, text: message, kind };
}

/** An error on a connection that had been made. */
export function verdictOfExchangeError(error: unknown, stage: HttpStage): ErrorVerdict {
  const code = codeOf(error);
  const invalid = (why: string): ErrorVerdict => ({
    code: httpFailureCodes.responseInvalid,
    transient: true,
    text: why,
  });
  if (code === "UND_ERR_HEADERS_OVERFLOW") {
    return {
      code: httpFailureCodes.responseTooLarge,
      transient: false,
      text: "the head of the answer is larger than 16 KiB",
    };
  }
  if (nameOf(error) === "HTTPParserError" || code?.startsWith("HPE_") === true) {
    return invalid("the answer is not HTTP/1.1");
  }
  if (code === "UND_ERR_RES_CONTENT_LENGTH_MISMATCH") {
    return invalid("the answer is shorter or longer than its content-length");
  }
  if (code === "UND_ERR_INVALID_ARG") {
    return { code: httpFailureCodes.requestInvalid, transient: false, text: "the request is not valid" };
  }
  if (code === httpFailureCodes.closed || code === "UND_ERR_DESTROYED" || code === "UND_ERR_CLOSED") {
    return {
      code: httpFailureCodes.closed,
      transient: false,
      text: "the integration was closed",
      kind: "aborted",
    };
  }
  const where = {
    acquire: "before the request was written",
    connect: "before the request was written",
    send: "while the request was being sent",
    headers: "before the answer",
    body: "in the middle of the answer",
  }[stage];
  return {
    code: httpFailureCodes.connectionLost,
    transient: true,
    text: `the connection ended ${where} (${code ?? nameOf(error)})`,
  };
}

/** The original error, unless it quotes the answer: a parser's error carries the bytes that it could not read. */
export function causeOf(error: unknown): unknown {
  if (nameOf(error) !== "HTTPParserError") return error;
  return new Error(error instanceof Error ? error.message : "HTTPParserError");
}

export function codeOf(error: unknown): string | undefined {
  if (typeof error !== "object" || error === null || !("code" in error)) return undefined;
  return typeof error.code === "string" ? error.code : undefined;
}

function nameOf(error: unknown): string {
  return error instanceof Error ? error.name : typeof error;
}
