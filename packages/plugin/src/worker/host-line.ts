import { readSync, writeSync } from "node:fs";
import { decodeBody, encodeFrame, HEADER_BYTES, readHeader } from "./frame.ts";
import { type HostMessage, MOST_TO_HOST, MOST_TO_WORKER, type WorkerMessage } from "./protocol.ts";

const STDIN = 0;
const STDOUT = 1;

export interface Heard {
  readonly message: HostMessage;
  readonly bytes: Uint8Array | undefined;
}

/** The worker's side of the pipe. A worker does one thing at a time, so it simply waits; without a host it ends. */
export class HostLine {
  read(): Heard {
    const sizes = readHeader(readExactly(HEADER_BYTES), MOST_TO_WORKER);
    const { message, bytes } = decodeBody(readExactly(sizes.json + (sizes.bytes ?? 0)), sizes);
    return { message: message as HostMessage, bytes };
  }

  /** Throws `FrameError` for what the host would not take. */
  post(message: WorkerMessage, bytes?: Uint8Array): void {
    const frame = encodeFrame(message, bytes, MOST_TO_HOST);
    for (let sent = 0; sent < frame.length; ) sent += writeSync(STDOUT, frame, sent);
  }
}

function readExactly(length: number): Buffer {
  const buffer = Buffer.allocUnsafe(length);
  for (let read = 0; read < length; ) {
    const count = readSync(STDIN, buffer, read, length - read, null);
    if (count === 0) process.exit(0);
    read += count;
  }
  return buffer;
}
