import { mkdirSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { DatabaseName } from "../databases/database.ts";
import type { Played } from "./scene.ts";

/** Where the accounts of broken cases are kept: a case that cannot be told of any more has been for nothing. */
export class Accounts {
  readonly folder: string;
  #kept = 0;

  /** @param folder - Made with the first account. */
  constructor(folder: string = join(tmpdir(), `outrigger-crash-accounts-${process.pid}`)) {
    this.folder = folder;
  }

  get kept(): number {
    return this.#kept;
  }

  /** @returns the file's path. */
  keep(database: DatabaseName, { id, account = id }: Played): string {
    mkdirSync(this.folder, { recursive: true });
    const file = join(this.folder, `${database}-${id.replaceAll(/[^\w.-]+/g, "_")}.txt`);
    writeFileSync(file, `${account}\n`);
    this.#kept += 1;
    return file;
  }
}
