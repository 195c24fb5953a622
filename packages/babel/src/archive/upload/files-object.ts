import { setImmediate } from "node:timers/promises";
import { constants } from "node:zlib";
import type { SideObject } from "../format/chunk.ts";
import { type FilesEntry, filesLine } from "../format/files-object.ts";
import { FrameEncoder } from "./frame.ts";
import type { SourceTree } from "./source-tree.ts";
import { StoredOutput } from "./stored-output.ts";

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
  const output = new StoredOutput(path, undefined);
  const encoder = new FrameEncoder({ [constants.ZSTD_c_compressionLevel]: LEVEL }, output);
  try {
    let batch = "";
    for (const entry of entriesOf(tree, contents)) {
      batch += filesLine(entry);
      if (batch.length < BATCH) continue;
      encoder.write(Buffer.from(batch));
      batch = "";
      // There may be millions of files, and transfers of other archives that go on meanwhile.
      await setImmediate();
    }
    encoder.write(Buffer.from(batch));
    encoder.end();
    const { size, checksum } = output.finish();
    return { size, sha256: checksum, codec: "zstd" };
  } finally {
    encoder.close();
    output.close();
  }
}

function* entriesOf(tree: SourceTree, contents: readonly string[]): Generator<FilesEntry> {
  for (const { path, mode } of tree.directories) yield { kind: "folder", path, mode };
  const { files } = tree;
  for (let file = 0; file < files.length; file += 1) {
    yield { kind: "file", path: files.path(file), mode: files.mode(file), mtime: String(files.modified(file)) };
  }
  for (const { path, target } of tree.links) yield { kind: "link", path, target };
  for (const [chunk, sha256] of contents.entries()) yield { kind: "content", chunk, sha256 };
}
