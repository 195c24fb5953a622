import { constants, createZstdDecompress } from "node:zlib";
import { TransferFault } from "../transfer/fault.ts";
import { ZstdBinding } from "../transfer/zstd-binding.ts";

/** What the largest window of a frame may need. (D5-15) */
const WINDOW_LOG = 27;

/** Zstd frames, one after the other, decompressed piece by piece. */
export class ZstdReader {
  readonly #zstd: ZstdBinding;
  readonly #output: Uint8Array;

  /** @param output is written to again and again; readers of one thread may share it */
  constructor(output: Uint8Array) {
    this.#output = output;
    const params = { [constants.ZSTD_d_windowLogMax]: WINDOW_LOG };
    this.#zstd = new ZstdBinding(createZstdDecompress({ chunkSize: 64, params }));
  }

  /** @param use gets each piece of output, which is overwritten afterwards @throws TransferFault `corrupt` */
  feed(input: Uint8Array, use: (piece: Uint8Array) => void): void {
    const zstd = this.#zstd;
    const output = this.#output;
    const room = output.length;
    let at = 0;
    for (;;) {
      zstd.step("continue", input, at, output, 0);
      if (zstd.failure !== undefined) throw new TransferFault("corrupt", `it is not zstd: ${zstd.failure}`);
      const { outputLeft, inputLeft } = zstd;
      const moved = outputLeft < room || inputLeft < input.length - at;
      at = input.length - inputLeft;
      if (outputLeft < room) use(output.subarray(0, room - outputLeft));
      // A full buffer may mean that there is more inside; the end of a frame leaves input for the next one.
      if (outputLeft > 0 && inputLeft === 0) return;
      if (!moved) throw new TransferFault("corrupt", "it is not zstd: it goes on nowhere");
    }
  }

  close(): void {
    this.#zstd.close();
  }
}
