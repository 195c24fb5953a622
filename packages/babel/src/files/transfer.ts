import { createHash } from "node:crypto";
import type { Stats } from "node:fs";
import { constants } from "node:fs";
import { lstat, open, realpath, stat } from "node:fs/promises";
import { dirname } from "node:path";
import { isMissing } from "../errno.ts";
import { exhausted, invalid, notFound, refused } from "../failure.ts";
import { ensureFolder, stageFile } from "./durable.ts";

const READ_LIMIT = 64 * 1024 * 1024;
const PIECE = 64 * 1024;

export type FilePart =
  | { readonly kind: "content"; readonly bytes: Uint8Array }
  | { readonly kind: "sha256"; readonly digest: Uint8Array };

/**
 * Writes a file from a stream that ends with its checksum, all or nothing. Keeps owner and mode of a file that is there, a new one without `mode` is the owner's and
 * the group's (0640, and 0750 if it is a program); creates parent folders; refuses folders and special files. (§2.5, D2-14)
 */
export async function writeFileFrom(
  path: string,
  parts: AsyncIterable<FilePart>,
  mode: number | undefined,
): Promise<number> {
  const { target, previous } = await destinationOf(path);
  await ensureFolder(dirname(target));
  const rest = parts[Symbol.asyncIterator]();
  const first = await rest.next();
  const staged = await stageFile(target, {
    mode: mode ?? (previous === undefined ? modeOf(first.value) : previous.mode & 0o7777),
    ...(previous === undefined ? {} : { owner: { uid: previous.uid, gid: previous.gid } }),
  });
  try {
    const hash = createHash("sha256");
    let size = 0;
    let verified = false;
    for (let next = first; !next.done; next = await rest.next()) {
      const part = next.value;
      if (part.kind === "content") {
        verified = false;
        hash.update(part.bytes);
        size += part.bytes.length;
        await staged.handle.writeFile(part.bytes);
      } else if (!hash.copy().digest().equals(part.digest)) {
        throw invalid("file-checksum-mismatch", `file_write ${path} failed: the content does not match its checksum`);
      } else verified = true;
    }
    // What ends without it may have been cut.
    if (!verified) throw invalid("file-incomplete", `file_write ${path} failed: its checksum is missing at the end`);
    await staged.commit();
    return size;
  } catch (error) {
    await staged.discard();
    throw error;
  }
}

/** Images write scripts and run them, which the reference's 0770 allows. */
function modeOf(first: FilePart | undefined): number {
  const start = first?.kind === "content" ? Buffer.from(first.bytes.subarray(0, 4)).toString("latin1") : "";
  return start.startsWith("#!") || start === "\x7fELF" ? 0o750 : 0o640;
}

/** Where to write: a link is followed once resolved, so that the file it names is replaced, not the link. */
export async function destinationOf(
  path: string,
): Promise<{ readonly target: string; readonly previous: Stats | undefined }> {
  if (!path.startsWith("/") || path.endsWith("/") || path.includes("\0")) {
    throw invalid("file-path-invalid", `not an absolute path of a file: ${JSON.stringify(path.slice(0, 500))}`);
  }
  const link = await lstat(path).catch(ignoreMissing);
  const target = link?.isSymbolicLink() ? await realpath(path).catch(() => path) : path;
  const previous = await stat(target).catch(ignoreMissing);
  if (previous !== undefined && !previous.isFile()) {
    throw refused("file-not-regular", `${path} is ${previous.isDirectory() ? "a directory" : "a special file"}`);
  }
  return { target, previous };
}

function ignoreMissing(error: unknown): undefined {
  if (!isMissing(error)) throw error;
}

/** Streams a regular file, then its checksum. (D2-15) */
export async function* readFileParts(path: string, limit: number): AsyncGenerator<FilePart> {
  const most = limit === 0 ? READ_LIMIT : limit;
  const handle = await open(path, constants.O_RDONLY | constants.O_NONBLOCK).catch((error: unknown) => {
    throw isMissing(error) ? notFound("file-not-found", `file_read ${path} failed: no such file`) : error;
  });
  try {
    if (!(await handle.stat()).isFile()) throw refused("file-not-regular", `${path} is not a regular file`);
    const hash = createHash("sha256");
    let size = 0;
    for (;;) {
      const { buffer, bytesRead } = await handle.read(Buffer.allocUnsafe(PIECE), 0, PIECE, null);
      if (bytesRead === 0) break;
      size += bytesRead;
      if (size > most) throw exhausted("file-too-large", `file too large: ${path} has more than ${most} bytes`);
      const bytes = buffer.subarray(0, bytesRead);
      hash.update(bytes);
      yield { kind: "content", bytes };
    }
    yield { kind: "sha256", digest: hash.digest() };
  } finally {
    await handle.close();
  }
}
