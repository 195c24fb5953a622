import { createHash } from "node:crypto";
import { closeSync, openSync, writeSync } from "node:fs";

/** What is to be sent. `memory`: in what was lent for it; `source`: the content of the ranges itself. */
export type Body =
  | { readonly kind: "memory"; readonly bytes: Uint8Array<SharedArrayBuffer> }
  | { readonly kind: "spool"; readonly path: string }
  | { readonly kind: "source" };

/** A whole object as it is to be stored: `size` in bytes, sha256 in hex. */
export type StoredBody = { readonly body: Body; readonly size: number; readonly checksum: string };

const LEAST = 1024 * 1024 + 64 * 1024;

/**
 * Takes the bytes of an object, for a PUT has to say their number and their hash before the first one: into memory if they fit, else all of them go to a
 * file. (D5-06)
 */
export class StoredOutput {
  /** To be written to, from `at` on; has room always. */
  readonly buffer: Uint8Array;
  at = 0;
  readonly #path: string;
  readonly #lent: Uint8Array<SharedArrayBuffer> | undefined;
  readonly #hash = createHash("sha256");
  #size = 0;
  #file: number | undefined;

  /** @param memory undefined: everything goes to the file */
  constructor(path: string, memory: SharedArrayBuffer | undefined) {
    this.#path = path;
    this.#lent = memory && new Uint8Array(memory);
    this.buffer = this.#lent ?? Buffer.allocUnsafeSlow(LEAST);
  }

  /** So many bytes were written to the buffer. */
  filled(bytes: number): void {
    this.#hash.update(this.buffer.subarray(this.at, this.at + bytes));
    this.#size += bytes;
    this.at += bytes;
    this.want(1);
  }

  /** Makes room for so many bytes at once, not more than a MiB. */
  want(bytes: number): void {
    if (this.buffer.length - this.at < bytes) this.#spill();
  }

  finish(): StoredBody {
    return { body: this.#body(), size: this.#size, checksum: this.#hash.digest("hex") };
  }

  close(): void {
    if (this.#file !== undefined) closeSync(this.#file);
    this.#file = undefined;
  }

  #body(): Body {
    if (this.#lent !== undefined && this.#file === undefined) {
      return { kind: "memory", bytes: this.#lent.subarray(0, this.at) };
    }
    this.#spill();
    return { kind: "spool", path: this.#path };
  }

  #spill(): void {
    this.#file ??= openSync(this.#path, "w", 0o600);
    for (let written = 0; written < this.at; ) {
      written += writeSync(this.#file, this.buffer, written, this.at - written);
    }
    this.at = 0;
  }
}
