import { createHash } from "node:crypto";
import { setImmediate } from "node:timers/promises";
import { Damaged, readAll } from "./chunk-sink.ts";
import type { ChunkOrder, TransferCounters } from "./orders.ts";
import type { Tree } from "./tree.ts";

/** Compares the hash of a chunk's data on disk with what it should be. @throws Damaged */
export async function hashOnDisk(
  { chunk, lengths, content }: ChunkOrder,
  tree: Tree,
  { output, counters }: { readonly output: Uint8Array; readonly counters: TransferCounters },
): Promise<void> {
  const hash = createHash("sha256");
  for (const [index, { path, pos, size }] of chunk.destinations.entries()) {
    const length = lengths[index]!;
    const hashed = tree.visit(path, (fd, stats) => {
      if (stats.size !== length) return false;
      for (let at = 0; at < size; ) {
        const piece = output.subarray(0, Math.min(output.length, size - at));
        if (!readAll(path, fd, piece, pos + at)) return false;
        hash.update(piece);
        at += piece.length;
      }
      return true;
    });
    if (hashed !== true) throw new Damaged(`'${path}' is missing, or does not have ${length} bytes`);
    counters.addReceived(size);
    await setImmediate();
  }
  const digest = hash.digest("hex");
  if (digest !== content) throw new Damaged(`content is sha256 ${digest}, expected ${content}`);
}
