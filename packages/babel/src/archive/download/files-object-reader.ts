import { createHash } from "node:crypto";
import { type FilesEntry, filesEntry } from "../format/files-object.ts";
import { refuse } from "../format/refusal.ts";
import { TransferFault } from "../transfer/fault.ts";
import { getObject, KeptConnections } from "../transfer/get-object.ts";
import { pause, RetryPolicy, SharedProgress } from "../transfer/retry.ts";
import type { Download } from "./download.ts";
import { ZstdReader } from "./zstd-reader.ts";

const OUTPUT = 1024 * 1024;
const LINE_LIMIT = 64 * 1024;
const SIZE_LIMIT = 1024 ** 3;

/**
 * Entries of the archive's `manifest-files.json`, nothing if it has none. They are handed out as they come, before the last byte is verified: what is
 * done with them can be done again. @throws TransferFault, InvalidManifest
 */
export async function* filesEntries(download: Download, signal: AbortSignal): AsyncGenerator<FilesEntry, void> {
  const { files } = download.manifest.header;
  if (files === undefined) return;
  if (files.size > SIZE_LIMIT) refuse(`its files object has ${files.size} bytes`);
  const connections = new KeptConnections();
  const policy = new RetryPolicy(new SharedProgress());
  try {
    for (;;) {
      try {
        return yield* readOnce(download, files, connections, signal);
      } catch (error) {
        const verdict = policy.after(error);
        if (verdict.kind === "fail") throw verdict.fault;
        await pause(verdict.waitMs, signal);
      }
    }
  } finally {
    connections.close();
  }
}

async function* readOnce(
  download: Download,
  files: { readonly size: number; readonly sha256: string; readonly codec: string },
  connections: KeptConnections,
  signal: AbortSignal,
): AsyncGenerator<FilesEntry, void> {
  const version = await download.options.source.version(download.plan.dataVersion);
  if (version?.filesUrl === undefined)
    throw new TransferFault("permanent", "there is no url for the archive's files object");
  const hash = createHash("sha256");
  const zstd = files.codec === "zstd" ? new ZstdReader(Buffer.allocUnsafeSlow(OUTPUT)) : undefined;
  let rest = "";
  const decoder = new TextDecoder("utf-8", { fatal: true });
  try {
    for await (const piece of getObject(version.filesUrl, { from: 0, size: files.size }, { connections, signal })) {
      hash.update(piece);
      const texts: string[] = [];
      const take = (bytes: Uint8Array): void => {
        texts.push(decoder.decode(bytes, { stream: true }));
      };
      if (zstd === undefined) take(piece);
      else zstd.feed(piece, take);
      const lines = (rest + texts.join("")).split("\n");
      rest = lines.pop() ?? "";
      if (rest.length > LINE_LIMIT) refuse("a line of its files is too long");
      for (const line of lines) {
        const entry = line === "" ? undefined : filesEntry(line);
        if (entry !== undefined) yield entry;
      }
    }
  } finally {
    zstd?.close();
  }
  if (hash.digest("hex") !== files.sha256)
    throw new TransferFault("corrupt", "the archive's files object is corrupted");
}
