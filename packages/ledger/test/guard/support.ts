import { once } from "node:events";
import { createServer, type Server } from "node:http";
import { type AddressInfo, createServer as createTcpServer, type Server as TcpServer } from "node:net";
import { createDatabase, type Database, type DatabaseServer, databaseForTests } from "@outrigger/lab";
import { type Guard, type GuardEvent, type GuardOptions, guardTransactions } from "@outrigger/ledger/guard";
import { afterAll, afterEach, beforeAll, beforeEach } from "vitest";

/** What stands around the tests of the guard: a database, a service on HTTP, something that is no HTTP. */
export class Surroundings {
  url = "";
  service = "";
  /** Host and port of the service, and of what takes connections and says nothing. */
  peer = "";
  silentPort = 0;
  /** Paths of the requests that arrived at the service. */
  arrived: string[] = [];
  events: GuardEvent[] = [];
  guard: Guard | undefined;
  readonly #http: Server = createServer((request, response) => {
    this.arrived.push(request.url ?? "");
    response.end("{}");
  });
  readonly #silent: TcpServer = createTcpServer((socket) => socket.on("error", () => {}).resume());
  #server: DatabaseServer | undefined;
  #database: Database | undefined;

  async open(name: string): Promise<void> {
    this.#server = await databaseForTests();
    this.#database = await createDatabase(this.#server.url, name);
    this.url = this.#database.url;
    this.#http.listen(0, "127.0.0.1");
    this.#silent.listen(0, "127.0.0.1");
    await Promise.all([once(this.#http, "listening"), once(this.#silent, "listening")]);
    this.peer = `127.0.0.1:${(this.#http.address() as AddressInfo).port}`;
    this.service = `http://${this.peer}`;
    this.silentPort = (this.#silent.address() as AddressInfo).port;
  }

  async close(): Promise<void> {
    this.#http.closeAllConnections();
    this.#http.close();
    this.#silent.close();
    await this.#database?.drop();
    await this.#server?.stop();
  }

  /** Puts the guard up for one test. */
  putUp(options: GuardOptions = {}): Guard {
    this.guard = guardTransactions({
      mode: "report",
      onEvent: (event) => this.events.push(event),
      ...options,
    });
    return this.guard;
  }

  /** Calls the service, as anybody does. */
  call = async (path = "/"): Promise<number> => {
    const response = await fetch(`${this.service}${path}`);
    await response.text();
    return response.status;
  };

  /** What was reported, briefly. */
  get reported(): readonly string[] {
    return this.events.map((event) =>
      event.type === "callInTransaction"
        ? `${event.call.kind} ${event.call.method ?? ""} in ${event.transaction.of}`
        : event.type,
    );
  }
}

export function useSurroundings(name: string): Surroundings {
  const around = new Surroundings();
  beforeAll(() => around.open(name), 60_000);
  beforeEach(() => {
    around.events = [];
    around.arrived = [];
  });
  afterEach(() => around.guard?.stop());
  afterAll(() => around.close(), 60_000);
  return around;
}
