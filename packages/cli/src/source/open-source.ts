import { exitCodes, Stop } from "../exit.ts";
import type { Session } from "../session.ts";
import { fromApp } from "./from-app.ts";
import { fromDatabase } from "./from-database.ts";
import type { Source, SourceOptions } from "./source.ts";

/** What a command cannot do without. */
export type Needs = "either" | "app" | "database";

/** The app where one is given, else the database of --database or DATABASE_URL. */
export async function openSource(
  session: Session,
  command: string,
  options: SourceOptions,
  needs: Needs = "either",
): Promise<Source> {
  const { text, env } = session;
  const usage = (message: string): Stop => new Stop(exitCodes.usage, message);
  if (options.app !== undefined && options.database !== undefined) throw usage(text.usage.twoSources);
  if (options.app !== undefined && needs !== "database") return await fromApp(session, options.app);
  if (needs === "app") throw usage(text.usage.needsApp(command));
  const url = options.database ?? env["DATABASE_URL"];
  if (url === undefined || url === "") {
    throw usage(needs === "database" ? text.usage.needsDatabase : text.usage.noSource);
  }
  return await fromDatabase(session, url, options);
}
