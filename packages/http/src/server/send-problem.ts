import type { ProblemAnswer } from "./problem.ts";

/** What is needed of Node's `ServerResponse`. */
export interface NodeAnswer {
  readonly headersSent: boolean;
  statusCode: number;
  setHeader(name: string, value: string): unknown;
  removeHeader(name: string): void;
  end(body: string): unknown;
}

export function sendProblem(response: NodeAnswer, { status, headers, problem }: ProblemAnswer): void {
  response.statusCode = status;
  // They may have been set for the answer that did not come.
  for (const name of ["content-length", "content-encoding", "etag"]) response.removeHeader(name);
  for (const [name, value] of Object.entries(headers)) response.setHeader(name, value);
  response.end(JSON.stringify(problem));
}
