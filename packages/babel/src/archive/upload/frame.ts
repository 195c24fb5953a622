import { constants, createZstdCompress } from "node:zlib";
import { ZstdBinding } from "../transfer/zstd-binding.ts";
import type { StoredOutput } from "./stored-output.ts";
import type { ZstdParameters } from "./zstd-parameters.ts";

/** More than zstd can still have inside: a block that is not compressed yet, and one that is. */
const END_ROOM = 512 * 1024;

/**
 * One zstd frame as the reference writes it: streamed, so without content size, without dictionary and checksum; magic, descriptor 00. The work is done
 * in the thread that calls. (§4.7)
 */
export class FrameEncoder {
  readonly #zstd: ZstdBinding;
  readonly #output: StoredOutput;

  constructor(parameters: ZstdParameters, output: StoredOutput) {
    this.#output = output;
    const params = { ...parameters, [constants.ZSTD_c_contentSizeFlag]: 0, [constants.ZSTD_c_checksumFlag]: 0 };
    this.#zstd = new ZstdBinding(createZstdCompress({ chunkSize: 64, params }));
  }

  /** Takes the bytes in: their buffer may be used again. */
  write(bytes: Uint8Array): void {
    for (let at = 0; ; ) {
      this.#step("continue", bytes, at);
      at = bytes.length - this.#zstd.inputLeft;
      // A full buffer may mean that there is more inside.
      if (at === bytes.length && this.#zstd.outputLeft > 0) return;
    }
  }

  end(): void {
    this.#output.want(END_ROOM);
    this.#step("end", Buffer.of(), 0);
    if (this.#zstd.outputLeft === 0) throw new Error("zstd has more than it can have");
  }

  close(): void {
    this.#zstd.close();
  }

  #step(step: "continue" | "end", bytes: Uint8Array, from: number): void {
    const { buffer, at } = this.#output;
    this.#zstd.step(step, bytes, from, buffer, at);
    if (this.#zstd.failure !== undefined) throw new Error(`zstd: ${this.#zstd.failure.message}`);
    this.#output.filled(buffer.length - at - this.#zstd.outputLeft);
  }
}
