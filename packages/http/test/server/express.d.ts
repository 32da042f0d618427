// Express ships no types, and @types/express is not installed here. These say of it what the tests use, as
// @types/express 5 says it (ErrorRequestHandler, RequestHandler).
declare module "express" {
  import type { IncomingMessage, Server, ServerResponse } from "node:http";

  export interface Request extends IncomingMessage {
    readonly params: Readonly<Record<string, string>>;
    readonly originalUrl: string;
  }
  export interface Response extends ServerResponse {
    status(code: number): this;
    type(name: string): this;
    send(body: unknown): this;
    json(body: unknown): this;
  }
  export type NextFunction = (error?: unknown) => void;
  export type RequestHandler = (request: Request, response: Response, next: NextFunction) => unknown;
  export type ErrorRequestHandler = (
    error: unknown,
    request: Request,
    response: Response,
    next: NextFunction,
  ) => unknown;
  export interface Express {
    use(...handlers: (RequestHandler | ErrorRequestHandler)[]): this;
    use(
      path: string | RegExp | readonly string[],
      ...handlers: (RequestHandler | ErrorRequestHandler)[]
    ): this;
    get(path: string, handler: RequestHandler): this;
    post(path: string, handler: RequestHandler): this;
    listen(port: number, host: string): Server;
  }
  const express: () => Express;
  // biome-ignore lint/style/noDefaultExport: so it is exported there.
  export default express;
}
