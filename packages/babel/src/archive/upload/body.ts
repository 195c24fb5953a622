import { closeSync, openSync, readSync } from "node:fs";
import { TransferFault } from "../transfer/fault.ts";
import { type SourceRange, SourceReader } from "./source-reader.ts";
import type { Body } from "./stored-output.ts";

const PIECE = 256 * 1024;

/** The bytes of a body, from the beginning at every call. A piece is good until the next but one is asked for. */
export function* bodyPieces(
  body: Body,
  source: { readonly root: string; readonly ranges: () => readonly SourceRange[] },
): Generator<Buffer> {
  if (body.kind === "memory") {
    const { buffer, length } = body.bytes;
    for (let at = 0; at < length; at += PIECE) yield Buffer.from(buffer, at, Math.min(PIECE, length - at));
    return;
  }
  const { read, close } = body.kind === "spool" ? spoolReader(body.path) : sourceReader(source.root, source.ranges());
  const buffers = [Buffer.allocUnsafeSlow(PIECE), Buffer.allocUnsafeSlow(PIECE)];
  try {
    for (let turn = 0; ; turn++) {
      const buffer = buffers[turn % 2]!;
      const length = read(buffer);
      if (length === 0) return;
      yield buffer.subarray(0, length);
    }
  } finally {
    close();
  }
}

function spoolReader(path: string) {
  const file = openSync(path, "r");
  return { read: (buffer: Buffer) => readSync(file, buffer), close: () => closeSync(file) };
}

function sourceReader(root: string, ranges: readonly SourceRange[]) {
  const reader = new SourceReader(root, ranges);
  return { read: (buffer: Buffer) => reader.fill(buffer), close: () => reader.close() };
}

/** A body that has other bytes than it should: the disk changed them, or somebody did behind the back of its file's times. */
export const bodyChanged = (): TransferFault =>
  new TransferFault("corrupt", "the prepared bytes are not those that were hashed");
