import { constants, createZstdDecompress } from "node:zlib";
import { TransferFault } from "../transfer/fault.ts";
import { ZstdBinding } from "../transfer/zstd-binding.ts";
import { WINDOW_LOG } from "../transfer/zstd-frame.ts";

/** A frame needs a larger window than its reader was made for. */
export class LargerWindow extends Error {}

/** Zstd frames, one after the other, decompressed piece by piece. */
export class ZstdReader {
  readonly #zstd: ZstdBinding;
  readonly #output: Uint8Array;
  readonly #windowLog: number;

  /**
   * @param output is written to again and again; readers of one thread may share it
   * @param windowLog of the largest window that a frame may have; memory for one is taken when a frame needs it
   */
  constructor(output: Uint8Array, windowLog = WINDOW_LOG) {
    this.#output = output;
    this.#windowLog = windowLog;
    const params = { [constants.ZSTD_d_windowLogMax]: windowLog };
    this.#zstd = new ZstdBinding(createZstdDecompress({ chunkSize: 64, params }));
  }

  /** @param use gets each piece of output, which is overwritten afterwards @throws TransferFault `corrupt`; LargerWindow */
  feed(input: Uint8Array, use: (piece: Uint8Array) => void): void {
    const zstd = this.#zstd;
    const output = this.#output;
    const room = output.length;
    let at = 0;
    for (;;) {
      zstd.step("continue", input, at, output, 0);
      if (zstd.failure !== undefined) throw this.#fault(zstd.failure);
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

  #fault({ code, message }: { readonly code: string; readonly message: string }): Error {
    if (code !== "ZSTD_error_frameParameter_windowTooLarge") {
      return new TransferFault("corrupt", `it is not zstd: ${message}`);
    }
    if (this.#windowLog < WINDOW_LOG) return new LargerWindow();
    return new TransferFault("corrupt", `its zstd needs more memory than a window of ${2 ** (WINDOW_LOG - 20)} MiB`);
  }
}
