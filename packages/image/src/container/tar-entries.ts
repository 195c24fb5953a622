import type { Readable } from "node:stream";
import { OperationError } from "./operation-error.ts";

/** One member of a tar stream. `read` and the stream below it are only valid until the next entry is asked for. */
export interface TarEntry {
  /** As in the archive, e.g. `./var/lib/x`. */
  readonly path: string;
  readonly kind: "file" | "directory" | "link" | "hardlink" | "other";
  readonly size: number;
  readonly mode: number;
  /** Target of a link or hard link. */
  readonly target: string;
  /** The whole content; the caller has looked at `size`. */
  read(): Promise<Buffer>;
  /** The content piece by piece. */
  chunks(): AsyncGenerator<Buffer>;
}

const BLOCK = 512;
const EXTENSION_LIMIT = 1024 * 1024;
const KINDS: Readonly<Record<string, TarEntry["kind"]>> = {
  "\0": "file",
  "0": "file",
  "7": "file",
  "1": "hardlink",
  "2": "link",
  "5": "directory",
};

/** Reads a tar (ustar, pax, GNU long names) without keeping it: memory is bounded whatever the archive says. Error `image-invalid`. */
export async function* tarEntries(stream: Readable): AsyncGenerator<TarEntry> {
  try {
    yield* entriesOf(new ByteReader(stream));
  } finally {
    stream.destroy();
  }
}

async function* entriesOf(bytes: ByteReader): AsyncGenerator<TarEntry> {
  let overrides: Overrides = {};
  let defaults: Overrides = {};
  for (;;) {
    const header = await bytes.take(BLOCK);
    if (header.length === 0) return;
    if (header.length < BLOCK) throw damaged("it ends in the middle of a header");
    if (header.every((byte) => byte === 0)) {
      await bytes.drain();
      return;
    }
    verifyChecksum(header);
    const flag = String.fromCharCode(header[156] ?? 0);
    const plainSize = numberField(header, 124, 12);
    if (flag === "x" || flag === "g" || flag === "L" || flag === "K") {
      if (plainSize > EXTENSION_LIMIT) throw damaged("an extended header is too large");
      const data = await bytes.take(plainSize);
      await bytes.skip(padding(plainSize));
      if (flag === "x") overrides = { ...overrides, ...paxRecords(data) };
      else if (flag === "g") defaults = { ...defaults, ...paxRecords(data) };
      else overrides = { ...overrides, [flag === "L" ? "path" : "linkpath"]: text(data, 0, data.length) };
      continue;
    }
    const fields = { ...defaults, ...overrides };
    overrides = {};
    const kind = KINDS[flag] ?? "other";
    // Only files have content; other kinds may still carry a size that means nothing.
    const size = kind === "file" || kind === "other" ? Number(fields.size ?? plainSize) : 0;
    if (!Number.isSafeInteger(size) || size < 0) throw damaged("a size is invalid");
    const body = new EntryBody(bytes, size);
    yield {
      path: fields.path ?? headerPath(header),
      kind,
      size,
      mode: numberField(header, 100, 8) & 0o7777,
      target: fields.linkpath ?? text(header, 157, 100),
      read: () => body.read(),
      chunks: () => body.chunks(),
    };
    await body.finish();
    await bytes.skip(padding(size));
  }
}

interface Overrides {
  readonly path?: string;
  readonly linkpath?: string;
  readonly size?: string;
}

class EntryBody {
  readonly #bytes: ByteReader;
  #left: number;

  constructor(bytes: ByteReader, size: number) {
    this.#bytes = bytes;
    this.#left = size;
  }

  async read(): Promise<Buffer> {
    const chunks: Buffer[] = [];
    for await (const chunk of this.chunks()) chunks.push(chunk);
    return Buffer.concat(chunks);
  }

  async *chunks(): AsyncGenerator<Buffer> {
    while (this.#left > 0) {
      const chunk = await this.#bytes.some(this.#left);
      if (!chunk) throw damaged("it ends in the middle of a file");
      this.#left -= chunk.length;
      yield chunk;
    }
  }

  async finish(): Promise<void> {
    await this.#bytes.skip(this.#left);
    this.#left = 0;
  }
}

class ByteReader {
  readonly #source: AsyncIterator<Buffer>;
  #buffer: Buffer = Buffer.alloc(0);

  constructor(stream: Readable) {
    this.#source = stream[Symbol.asyncIterator]() as AsyncIterator<Buffer>;
  }

  /** Up to `limit` bytes, whatever is there next; `undefined` at the end. */
  async some(limit: number): Promise<Buffer | undefined> {
    while (this.#buffer.length === 0) {
      const next = await this.#source.next();
      if (next.done) return undefined;
      this.#buffer = next.value;
    }
    const piece = this.#buffer.subarray(0, limit);
    this.#buffer = this.#buffer.subarray(piece.length);
    return piece;
  }

  /** Exactly `size` bytes, fewer only at the end. */
  async take(size: number): Promise<Buffer> {
    const first = await this.some(size);
    if (!first || first.length === size) return first ?? Buffer.alloc(0);
    const pieces = [first];
    for (let left = size - first.length; left > 0; ) {
      const piece = await this.some(left);
      if (!piece) break;
      pieces.push(piece);
      left -= piece.length;
    }
    return Buffer.concat(pieces);
  }

  async skip(size: number): Promise<void> {
    for (let left = size; left > 0; ) {
      const piece = await this.some(left);
      if (!piece) throw damaged("it ends too early");
      left -= piece.length;
    }
  }

  async drain(): Promise<void> {
    while (await this.some(Number.MAX_SAFE_INTEGER));
  }
}

function headerPath(header: Buffer): string {
  const name = text(header, 0, 100);
  const prefix = text(header, 257, 5) === "ustar" && header[263] === 0x30 ? text(header, 345, 155) : "";
  return prefix ? `${prefix}/${name}` : name;
}

function paxRecords(data: Buffer): Overrides {
  const records: Record<string, string> = {};
  for (let at = 0; at < data.length; ) {
    const space = data.indexOf(0x20, at);
    const length = Number(data.toString("latin1", at, space));
    if (space < 0 || !Number.isInteger(length) || length <= space - at) throw damaged("an extended header is invalid");
    const record = data.toString("utf8", space + 1, at + length - 1);
    const equals = record.indexOf("=");
    records[record.slice(0, equals)] = record.slice(equals + 1);
    at += length;
  }
  const { path, linkpath, size } = records;
  return {
    ...(path === undefined ? {} : { path }),
    ...(linkpath === undefined ? {} : { linkpath }),
    ...(size === undefined ? {} : { size }),
  };
}

function numberField(header: Buffer, at: number, length: number): number {
  if (((header[at] ?? 0) & 0x80) !== 0) {
    // GNU base-256: the rest of the field is a big-endian number.
    let value = (header[at] ?? 0) & 0x7f;
    for (let index = at + 1; index < at + length; index += 1) value = value * 256 + (header[index] ?? 0);
    return value;
  }
  const digits = header
    .toString("latin1", at, at + length)
    .replace(/[\0 ]+$/, "")
    .trim();
  if (!/^[0-7]*$/.test(digits)) throw damaged("a number is invalid");
  return digits === "" ? 0 : Number.parseInt(digits, 8);
}

function verifyChecksum(header: Buffer): void {
  let sum = 8 * 0x20;
  for (let index = 0; index < BLOCK; index += 1) sum += index >= 148 && index < 156 ? 0 : (header[index] ?? 0);
  if (sum !== numberField(header, 148, 8)) throw damaged("a header's checksum is wrong");
}

function text(buffer: Buffer, at: number, length: number): string {
  const end = buffer.indexOf(0, at);
  return buffer.toString("utf8", at, end < 0 || end > at + length ? at + length : end);
}

function padding(size: number): number {
  return (BLOCK - (size % BLOCK)) % BLOCK;
}

function damaged(reason: string): OperationError {
  return new OperationError("image-invalid", `a layer of the image is damaged: ${reason}`, {
    fix: "build or fetch the image again",
  });
}
