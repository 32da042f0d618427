import { flushCompileCache } from "node:module";
import { setTimeout as sleep } from "node:timers/promises";
import { exitWithParent } from "@outrigger/lab";
import { withClient } from "../databases/choose.ts";
import type { Connection } from "../databases/database.ts";
import { type Actor, actor } from "./actor.ts";
import { Gate } from "./gate.ts";
import { type FromWorker, keepCompiled, type Play, type ToWorker } from "./messages.ts";

// Entry file of a process of the matrix: plays the cases that it is told to, and dies when it is told to.
exitWithParent();

const connections = Number(process.argv[2]);
/** For one case: its caller, its resolver, and one to spare. */
const connectionsOfOwnWay = 3;
const gate = new Gate();
const actors = new Map<string, Actor>();
const cast = new Map<string, (play: Play) => Actor>();

function say(message: FromWorker): void {
  process.send?.(message, () => {});
}

/** One pool for all the cases of a connection. */
function castOf(connection: Connection): (play: Play) => Actor {
  const known = cast.get(connection.url);
  if (known !== undefined) return known;
  const made = withClient(
    connection,
    connection.ownWay === true ? connectionsOfOwnWay : connections,
    (client) =>
      (play: Play): Actor =>
        actor(client, gate, play, say),
  );
  cast.set(connection.url, made);
  return made;
}

/** Says so, and is woken from outside. */
async function stop(ask: number): Promise<void> {
  gate.shut();
  while ([...actors.values()].some((each) => each.holdsByChance())) await sleep(1);
  await new Promise<void>((resolve) => {
    process.send?.({ is: "stopping", ask } satisfies FromWorker, () => resolve());
  });
  process.kill(process.pid, "SIGSTOP");
  gate.open();
}

async function heed(message: ToWorker): Promise<void> {
  switch (message.do) {
    case "begin":
    case "recover": {
      const { play } = message;
      const made = castOf(play.connection)(play);
      actors.set(play.id, made);
      if (message.do === "begin") made.begin();
      else made.recover();
      return;
    }
    case "goOn":
      actors.get(message.id)?.goOn();
      return;
    case "tell": {
      const taken = (await actors.get(message.id)?.tell(message.order, message.by)) ?? false;
      say({ is: "told", ask: message.ask, taken });
      return;
    }
    case "stop":
      await stop(message.ask);
      return;
    case "look": {
      const records = (await actors.get(message.id)?.look()) ?? [];
      say({ is: "looked", ask: message.ask, records });
      return;
    }
    case "leave":
      await actors.get(message.id)?.leave();
      actors.delete(message.id);
  }
}

process.on("message", (message: ToWorker) => {
  if (!("do" in message)) return;
  heed(message).catch((error: unknown) => {
    const id = "play" in message ? message.play.id : "id" in message ? message.id : "";
    say({ is: "failed", id, error: error instanceof Error ? (error.stack ?? error.message) : String(error) });
  });
});
// One that is killed leaves nothing to those that start after it.
if (process.argv.includes(keepCompiled)) flushCompileCache();
say({ is: "ready" });
