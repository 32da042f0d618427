import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import { parseFault } from "./faults.ts";
import { Listener } from "./listener.ts";
import { answer, answerProblem, Problem, readJson } from "./problem.ts";
import type { Sandbox } from "./sandbox.ts";

/** The address at which a provider is told how to behave; it answers whatever fault is on. */
export function controlListener(sandbox: Sandbox, port: number): Listener {
  const http = createServer((request, response) => {
    route(sandbox, request, response).catch((error: unknown) => {
      const problem =
        error instanceof Problem
          ? error
          : new Problem(500, "INTERNAL", error instanceof Error ? error.message : String(error));
      answerProblem(response, problem);
    });
  });
  return new Listener(port, (socket) => http.emit("connection", socket));
}

async function route(sandbox: Sandbox, request: IncomingMessage, response: ServerResponse): Promise<void> {
  const path = new URL(request.url ?? "/", "http://control").pathname;
  switch (`${request.method} ${path}`) {
    case "GET /fault":
      return answer(response, 200, sandbox.report);
    case "PUT /fault":
      return answer(response, 200, await sandbox.change(parsed(await readJson(request))));
    case "GET /counts":
      return answer(response, 200, sandbox.counts);
    case "GET /journal":
      return sandbox.sendJournal(request, response);
    default:
      throw new Problem(404, "NOT_FOUND", "there are GET /fault, PUT /fault, GET /counts and GET /journal");
  }
}

function parsed(body: unknown): ReturnType<typeof parseFault> {
  try {
    return parseFault(body);
  } catch (error) {
    throw new Problem(400, "INVALID_FAULT", error instanceof Error ? error.message : String(error));
  }
}
