import { createHash } from "node:crypto";
import { open } from "node:fs/promises";
import type { SideObject } from "../format/chunk.ts";
import { type FilesEntry, filesLine } from "../format/files-object.ts";
import { FrameEncoder } from "./frame.ts";
import type { SourceTree } from "./source-tree.ts";
import { mtimeOf } from "./stamp.ts";

const LEVEL = 3;
const BATCH = 256 * 1024;

/**
 * Writes `manifest-files.json`: modes, times, links and directories, and the hash of each chunk's content, so that data on disk can be verified.
 * The same tree yields the same bytes. (§9.4, D4-24, D5-02)
 */
export async function writeFilesObject(
  path: string,
  tree: SourceTree,
  contents: readonly string[],
): Promise<SideObject> {
  const file = await open(path, "w", 0o600);
  const hash = createHash("sha256");
  let size = 0;
  let writing: Promise<unknown> = Promise.resolve();
  const encoder = new FrameEncoder(LEVEL, (bytes) => {
    hash.update(bytes);
    size += bytes.length;
    writing = writing.then(() => file.appendFile(bytes));
    writing.catch(() => undefined);
  });
  try {
    let batch = "";
    for (const entry of entriesOf(tree, contents)) {
      batch += filesLine(entry);
      if (batch.length < BATCH) continue;
      await encoder.write(Buffer.from(batch));
      await writing;
      batch = "";
    }
    await encoder.write(Buffer.from(batch));
    await encoder.end();
    await writing;
    return { size, sha256: hash.digest("hex"), codec: "zstd" };
  } finally {
    encoder.destroy();
    await file.close();
  }
}

function* entriesOf(tree: SourceTree, contents: readonly string[]): Generator<FilesEntry> {
  for (const { path, mode } of tree.directories) yield { kind: "folder", path, mode };
  for (const { path, mode, stamp } of tree.files) yield { kind: "file", path, mode, mtime: String(mtimeOf(stamp)) };
  for (const { path, target } of tree.links) yield { kind: "link", path, target };
  for (const [chunk, sha256] of contents.entries()) yield { kind: "content", chunk, sha256 };
}
