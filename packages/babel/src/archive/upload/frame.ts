import { once } from "node:events";
import { constants, createZstdCompress, type ZstdCompress } from "node:zlib";

const OUTPUT = 1024 * 1024;

/**
 * One zstd frame as the reference writes it: streamed, so without content size, without dictionary and checksum; magic, descriptor 00. The
 * work is done in the thread pool. (§4.7)
 */
export class FrameEncoder {
  readonly #stream: ZstdCompress;
  #failure: Error | undefined;

  constructor(level: number, onOutput: (bytes: Buffer) => void) {
    this.#stream = createZstdCompress({
      chunkSize: OUTPUT,
      params: {
        [constants.ZSTD_c_compressionLevel]: level,
        [constants.ZSTD_c_contentSizeFlag]: 0,
        [constants.ZSTD_c_checksumFlag]: 0,
      },
    });
    this.#stream.on("data", onOutput);
    this.#stream.on("error", (error) => {
      this.#failure = error;
    });
  }

  /** Resolves once the bytes were taken in: the buffer may be used again then. */
  write(bytes: Buffer): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#stream.write(bytes, (error) => (error ? reject(error) : resolve()));
    });
  }

  async end(): Promise<void> {
    const ended = once(this.#stream, "end");
    this.#stream.end();
    await ended;
    if (this.#failure !== undefined) throw this.#failure;
  }

  destroy(): void {
    this.#stream.destroy();
  }
}
