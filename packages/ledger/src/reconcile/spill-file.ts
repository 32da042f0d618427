import { type FileHandle, mkdtemp, open, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

/** Where a sorted run stands in the file. */
export interface Run {
  readonly fromByte: number;
  readonly toByte: number;
}

/** A file without a name. */
export interface SpillFile {
  readonly handle: FileHandle;
  append(bytes: Buffer): Promise<Run>;
  close(): Promise<void>;
}

export async function openSpillFile(): Promise<SpillFile> {
  const directory = await mkdtemp(join(tmpdir(), "outrigger-sort-"));
  const remove = (): Promise<void> => rm(directory, { recursive: true, force: true });
  try {
    const handle = await open(join(directory, "rows"), "wx+", 0o600);
    // Where the system does not let go of an open file's name, it goes at the end.
    await remove().catch(() => {});
    let endByte = 0;
    return {
      handle,
      async append(bytes) {
        const fromByte = endByte;
        for (let done = 0; done < bytes.length; ) {
          const { bytesWritten } = await handle.write(bytes, done, bytes.length - done, endByte);
          done += bytesWritten;
          endByte += bytesWritten;
        }
        return { fromByte, toByte: endByte };
      },
      async close() {
        await handle.close();
        await remove();
      },
    };
  } catch (error) {
    await remove();
    throw error;
  }
}
