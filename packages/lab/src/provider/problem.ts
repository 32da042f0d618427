import type { IncomingMessage, ServerResponse } from "node:http";

/** A request that is answered with problem+json (RFC 9457); `code` is for programs. */
export class Problem extends Error {
  readonly status: number;
  readonly code: string;
  readonly headers: Readonly<Record<string, string>>;

  constructor(status: number, code: string, detail: string, headers: Readonly<Record<string, string>> = {}) {
    super(detail);
    this.status = status;
    this.code = code;
    this.headers = headers;
  }
}

const maxBodyBytes = 16_384;

export function answer(response: ServerResponse, status: number, body: unknown): void {
  write(response, status, "application/json", JSON.stringify(body));
}

export function answerProblem(response: ServerResponse, problem: Problem): void {
  const { status, code, message } = problem;
  for (const [name, value] of Object.entries(problem.headers)) response.setHeader(name, value);
  const body = { type: "about:blank", title: code, status, code, detail: message };
  write(response, status, "application/problem+json", JSON.stringify(body));
}

export function answerLines(response: ServerResponse, lines: readonly unknown[]): void {
  write(response, 200, "application/x-ndjson", lines.map((line) => `${JSON.stringify(line)}\n`).join(""));
}

/** @throws Problem 413, 415 or 400. */
export async function readJson(request: IncomingMessage): Promise<unknown> {
  const type = request.headers["content-type"]?.split(";")[0]?.trim().toLowerCase();
  if (type !== "application/json") {
    throw new Problem(415, "NOT_JSON", `send content-type: application/json; got ${type ?? "none"}`);
  }
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    bytes += chunk.length;
    if (bytes > maxBodyBytes) {
      throw new Problem(413, "TOO_LARGE", `a body has at most ${maxBodyBytes} bytes`, {
        connection: "close",
      });
    }
    chunks.push(chunk);
  }
  try {
    return JSON.parse(Buffer.concat(chunks).toString("utf8"));
  } catch {
    throw new Problem(400, "INVALID_JSON", "the body is not JSON");
  }
}

function write(response: ServerResponse, status: number, type: string, body: string): void {
  if (response.destroyed || response.headersSent) return;
  response.writeHead(status, { "content-type": type, "content-length": Buffer.byteLength(body) });
  response.end(body);
}
