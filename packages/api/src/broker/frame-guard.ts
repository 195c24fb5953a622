import { Transform, type TransformCallback } from "node:stream";

const longestPacket = 256 * 1024;

/**
 * Lets MQTT packets through and ends the connection at one that announces more than 256 KiB: the broker's own parser
 * collects whatever length a client claims, before it knows who the client is.
 */
export class FrameGuard extends Transform {
  /** bytes of the current packet's body still to come; -1 while its fixed header is being read */
  #remaining = -1;
  #length = 0;
  #lengthBytes = 0;
  #typeSeen = false;

  override _transform(chunk: Buffer, _encoding: BufferEncoding, done: TransformCallback): void {
    let at = 0;
    while (at < chunk.length) {
      if (this.#remaining > 0) {
        const taken = Math.min(this.#remaining, chunk.length - at);
        this.#remaining -= taken;
        at += taken;
        if (this.#remaining === 0) this.#reset();
        continue;
      }
      const byte = chunk[at] ?? 0;
      at += 1;
      if (!this.#typeSeen) {
        this.#typeSeen = true;
        continue;
      }
      this.#length += (byte & 0x7f) * 128 ** this.#lengthBytes;
      this.#lengthBytes += 1;
      if (this.#lengthBytes > 4 || this.#length > longestPacket) {
        done(new Error("MQTT packet too large"));
        return;
      }
      if ((byte & 0x80) !== 0) continue;
      this.#remaining = this.#length;
      if (this.#remaining === 0) this.#reset();
    }
    done(null, chunk);
  }

  #reset(): void {
    this.#remaining = -1;
    this.#length = 0;
    this.#lengthBytes = 0;
    this.#typeSeen = false;
  }
}
