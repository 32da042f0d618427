// A well-behaved server in a process of its own, which a test can stop (SIGSTOP) and continue.
import { exitWithParent, sayReady } from "@outrigger/lab";
import { WireServer } from "../support/wire-server.ts";
import { Journal } from "./journal.ts";
import { booksOf, wellBehaved } from "./wire-faults.ts";

exitWithParent({ onStop: () => server.stop() });
let journal = new Journal();
const server = await WireServer.start((request, peer) => {
  if (request.target === "/forget") {
    journal = new Journal();
    server.received.length = 0;
    return peer.reply(200, "{}", { connection: "close" });
  }
  const asked = /^\/books\?of=(.*)$/.exec(request.target)?.[1];
  if (asked === undefined) return wellBehaved(journal)(request, peer);
  peer.reply(200, JSON.stringify(booksOf(server, journal, asked)), { connection: "close" });
});
sayReady({ url: server.url });
