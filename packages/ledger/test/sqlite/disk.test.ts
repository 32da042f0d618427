import { type ChildProcess, spawn } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { DatabaseSync } from "node:sqlite";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";

/** 128 KiB for each file. The signal that goes with the error would end the process. */
const limited = 'trap \'\' XFSZ; ulimit -f 256; exec "$0" "$@"';

function start(file: string): ChildProcess {
  const script = fileURLToPath(new URL("failing-disk.ts", import.meta.url));
  const command = [process.execPath, "--conditions=@outrigger/source", script, file];
  return spawn("sh", ["-c", limited, ...command], { stdio: ["pipe", "pipe", "inherit"] });
}

test.skipIf(process.platform === "win32")(
  "a commit that the disk does not take counts as nothing once the log was written over, and is unknown until then",
  async () => {
    const directory = mkdtempSync(join(tmpdir(), "outrigger-disk-"));
    const file = join(directory, "test.db");
    const db = new DatabaseSync(file);
    db.exec(
      "pragma journal_mode = wal; create table item (name text primary key); pragma wal_checkpoint(truncate)",
    );
    const child = start(file);
    try {
      const lines = createInterface({ input: child.stdout as NodeJS.ReadableStream })[Symbol.asyncIterator]();
      const heard = async (): Promise<unknown> => JSON.parse(String((await lines.next()).value));
      // The large one did not fit, and a small write over its beginning did.
      expect(await heard()).toEqual(["committed", "DATABASE_UNAVAILABLE none", "committed"]);
      const full = (await heard()) as { committed: string[] };
      expect(full).toMatchObject({ outcome: "COMMIT_UNKNOWN unknown", next: "DATABASE_UNAVAILABLE none" });
      db.exec("pragma wal_checkpoint(truncate)");
      child.stdin?.write("go\n");
      expect(await heard()).toBe("committed");
      const rows = db.prepare("select name from item order by name").all();
      expect(rows.map((row) => row["name"])).toEqual(["after", "again", "small", ...full.committed].sort());
    } finally {
      child.kill("SIGKILL");
      db.close();
      rmSync(directory, { recursive: true });
    }
  },
);
