import { httpFailureCodes } from "../failure.ts";

export type ConnectErrorCode =
  | typeof httpFailureCodes.addressRefused
  | typeof httpFailureCodes.dnsFailed
  | typeof httpFailureCodes.proxyFailed;

/** A connection that was not made for a reason that the connector knows. Nothing was sent to the service. */
export class ConnectError extends Error {
  override readonly name: string = "ConnectError";
  readonly code: ConnectErrorCode;
  /** Whether a later try may succeed. */
  readonly transient: boolean;

  constructor(message: string, code: ConnectErrorCode, transient: boolean, cause?: unknown) {
    super(message, cause === undefined ? undefined : { cause });
    this.code = code;
    this.transient = transient;
  }
}

export function addressRefused(address: string): ConnectError {
  const text = `${address} is not a public address, and the integration is marked public`;
  return new ConnectError(text, httpFailureCodes.addressRefused, false);
}

/** @param proxy - Host and port; never its credentials. */
export function proxyFailed(proxy: string, why: string, transient: boolean, cause?: unknown): ConnectError {
  return new ConnectError(`the proxy ${proxy} ${why}`, httpFailureCodes.proxyFailed, transient, cause);
}
