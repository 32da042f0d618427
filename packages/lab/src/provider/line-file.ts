import {
  closeSync,
  fstatSync,
  ftruncateSync,
  openSync,
  readFileSync,
  truncateSync,
  writeSync,
} from "node:fs";

/**
 * A file of JSON lines that is only appended to.
 *
 * A line is in the operating system's hands when {@link append} returns, so it survives the death of this
 * process (not that of the machine: there is no fsync per line). Synchronous on purpose: what is written here
 * must stand before anybody can see its effect, and nothing may come in between.
 */
export class LineFile {
  readonly path: string;
  readonly #file: number;

  private constructor(path: string) {
    this.path = path;
    this.#file = openSync(path, "a", 0o644);
  }

  /**
   * Opens the file, made if need be, and reads what it holds. A last line that a crash has torn is cut off: its
   * effect was never visible to anyone.
   *
   * @throws Error that names the file and the line, when a whole line is not JSON.
   */
  static open(path: string): { readonly file: LineFile; readonly lines: readonly unknown[] } {
    const bytes = readIfThere(path);
    const wholeBytes = bytes.lastIndexOf(0x0a) + 1;
    if (wholeBytes < bytes.length) truncateSync(path, wholeBytes);
    const lines = bytes
      .toString("utf8", 0, wholeBytes)
      .split("\n")
      .slice(0, -1)
      .map((line, index) => parseLine(path, index + 1, line));
    return { file: new LineFile(path), lines };
  }

  /** @throws when the disk refuses; the file is then as it was before. */
  append(value: unknown): void {
    const line = Buffer.from(`${JSON.stringify(value)}\n`);
    const before = fstatSync(this.#file).size;
    try {
      for (let written = 0; written < line.length; ) written += writeSync(this.#file, line, written);
    } catch (error) {
      ftruncateSync(this.#file, before);
      throw error;
    }
  }

  close(): void {
    closeSync(this.#file);
  }
}

function readIfThere(path: string): Buffer {
  try {
    return readFileSync(path);
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "ENOENT") return Buffer.alloc(0);
    throw error;
  }
}

function parseLine(path: string, number: number, line: string): unknown {
  try {
    return JSON.parse(line);
  } catch (cause) {
    throw new Error(`${path}, line ${number} is not JSON; move the file away to start afresh`, { cause });
  }
}
