import { createHash } from "node:crypto";
import { createReadStream } from "node:fs";
import { open, rm } from "node:fs/promises";
import type { SideObject } from "../format/chunk.ts";
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
 * Entries of the archive's `manifest-files.json`, nothing if it has none. It is stored and verified as a whole before the first of them is handed
 * out: what a corrupted one says must not be done. @throws TransferFault, InvalidManifest
 */
export async function* filesEntries(download: Download, signal: AbortSignal): AsyncGenerator<FilesEntry, void> {
  const { files } = download.manifest.header;
  if (files === undefined) return;
  if (files.size > SIZE_LIMIT) refuse(`its files object has ${files.size} bytes`);
  const path = download.options.state.filesObject;
  try {
    await fetchObject(download, files, path, signal);
    yield* entriesIn(path, files);
  } finally {
    await rm(path, { force: true });
  }
}

async function fetchObject(download: Download, files: SideObject, path: string, signal: AbortSignal): Promise<void> {
  const connections = new KeptConnections();
  const policy = new RetryPolicy(new SharedProgress());
  try {
    for (;;) {
      try {
        return await fetchOnce(download, files, path, connections, signal);
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

async function fetchOnce(
  download: Download,
  files: SideObject,
  path: string,
  connections: KeptConnections,
  signal: AbortSignal,
): Promise<void> {
  const version = await download.options.source.version(download.plan.dataVersion);
  if (version?.filesUrl === undefined)
    throw new TransferFault("permanent", "there is no url for the archive's files object");
  const hash = createHash("sha256");
  const stored = await open(path, "w", 0o600);
  try {
    for await (const piece of getObject(version.filesUrl, { from: 0, size: files.size }, { connections, signal })) {
      hash.update(piece);
      await stored.writeFile(piece);
    }
  } finally {
    await stored.close();
  }
  if (hash.digest("hex") !== files.sha256)
    throw new TransferFault("corrupt", "the archive's files object is corrupted");
}

async function* entriesIn(path: string, { codec }: SideObject): AsyncGenerator<FilesEntry, void> {
  const zstd = codec === "zstd" ? new ZstdReader(Buffer.allocUnsafeSlow(OUTPUT)) : undefined;
  const decoder = new TextDecoder("utf-8", { fatal: true });
  let rest = "";
  try {
    for await (const piece of createReadStream(path) as AsyncIterable<Buffer>) {
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
}
