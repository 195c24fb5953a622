import { type FileHandle, open } from "node:fs/promises";
import { crc32 } from "node:zlib";
import { isMissing } from "../errno.ts";
import { replaceFile } from "../files/durable.ts";
import { isDiskFull } from "./transfer/fault.ts";

/**
 * An append-only file of records, a line each: checksum of the JSON in 8 hex digits, a space, the JSON. A line that a crash cut off ends what
 * counts; it is cut away when the file is opened. (§9.2)
 */
export class Journal<T> {
  readonly #path: string;
  #file: FileHandle;
  readonly #makeRoom: () => Promise<void>;
  #end: number;
  #writing: Promise<void> = Promise.resolve();
  #waiting: { text: string; readonly written: Promise<void> } | undefined;

  private constructor(path: string, file: FileHandle, end: number, makeRoom: () => Promise<void>) {
    this.#path = path;
    this.#file = file;
    this.#end = end;
    this.#makeRoom = makeRoom;
  }

  /**
   * Reads what is there, record by record, and goes on behind it.
   *
   * @param makeRoom is called when the disk is full, before it is tried once more
   */
  static async open<T>(
    path: string,
    take: (record: T) => void,
    makeRoom: () => Promise<void> = async () => undefined,
  ): Promise<Journal<T>> {
    const file = await openOrCreate(path);
    try {
      const end = await readRecords(file, take as (record: unknown) => void);
      await file.truncate(end);
      return new Journal<T>(path, file, end, makeRoom);
    } catch (error) {
      await file.close();
      throw error;
    }
  }

  /** Resolves once the record is on the disk; records that come while others are written go together. */
  append(record: T): Promise<void> {
    const line = lineOf(record);
    if (this.#waiting !== undefined) {
      this.#waiting.text += line;
      return this.#waiting.written;
    }
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const group = { text: line, written: promise };
    this.#waiting = group;
    this.#writing = this.#writing
      .then(() => {
        this.#waiting = undefined;
        return this.#write(Buffer.from(group.text));
      })
      .then(resolve, reject);
    return promise;
  }

  /**
   * Puts records that mean the same in the place of all that are there, where those take more than four times as much: whoever tries for days
   * writes the same down again and again. Before the first `append`. False: all is as it was, also where there is no room. (§9.2)
   */
  async compact(records: Iterable<T>): Promise<boolean> {
    if (this.#end <= WORTHWHILE) return false;
    const lines: string[] = [];
    let size = 0;
    for (const record of records) {
      const line = lineOf(record);
      size += Buffer.byteLength(line);
      if (size * 4 >= this.#end) return false;
      lines.push(line);
    }
    try {
      await replaceFile(this.#path, lines.join(""), { mode: 0o600 });
    } catch (error) {
      if (isDiskFull(error)) return false;
      throw error;
    }
    await this.#file.close();
    this.#file = await open(this.#path, "r+");
    this.#end = size;
    return true;
  }

  async close(): Promise<void> {
    await this.#writing;
    await this.#file.close();
  }

  async #write(bytes: Buffer): Promise<void> {
    try {
      await this.#append(bytes).catch(async (error: unknown) => {
        if (!isDiskFull(error)) throw error;
        await this.#makeRoom();
        await this.#append(bytes);
      });
    } catch (error) {
      // What was not acknowledged must not be found behind a shorter record that comes later.
      await this.#file.truncate(this.#end).catch(() => undefined);
      throw error;
    }
  }

  async #append(bytes: Buffer): Promise<void> {
    for (let done = 0; done < bytes.length; ) {
      done += (await this.#file.write(bytes, done, bytes.length - done, this.#end + done)).bytesWritten;
    }
    await this.#file.datasync();
    this.#end += bytes.length;
  }
}

const PIECE = 1024 * 1024;
const NEWLINE = 0x0a;
const WORTHWHILE = 64 * 1024;
const checksum = (json: string): string => crc32(json).toString(16).padStart(8, "0");

function lineOf(record: unknown): string {
  const json = JSON.stringify(record);
  return `${checksum(json)} ${json}\n`;
}

async function openOrCreate(path: string): Promise<FileHandle> {
  try {
    return await open(path, "r+");
  } catch (error) {
    if (!isMissing(error)) throw error;
    return open(path, "w+", 0o600);
  }
}

/** Where the last good line ends. */
async function readRecords(file: FileHandle, take: (record: unknown) => void): Promise<number> {
  let end = 0;
  let rest = Buffer.alloc(0);
  for (let at = 0; ; ) {
    const { bytesRead, buffer } = await file.read(Buffer.allocUnsafe(PIECE), 0, PIECE, at);
    if (bytesRead === 0) return end;
    at += bytesRead;
    const text = Buffer.concat([rest, buffer.subarray(0, bytesRead)]);
    let from = 0;
    for (let to = text.indexOf(NEWLINE); to !== -1; to = text.indexOf(NEWLINE, from)) {
      const line = text.toString("utf8", from, to);
      const json = line.slice(9);
      if (line[8] !== " " || line.slice(0, 8) !== checksum(json)) return end;
      take(JSON.parse(json));
      end += to + 1 - from;
      from = to + 1;
    }
    rest = text.subarray(from);
  }
}
