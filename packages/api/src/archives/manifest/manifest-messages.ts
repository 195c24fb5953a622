import type { ArchiveChunk, Checksum, Compression } from "@blockvisor/wire/blockjoy/v1/archive";
import {
  type Chunk,
  Layout,
  type ManifestSummary as SummaryMessage,
} from "@blockvisor/wire/blockvisor/archive/v1/archive";
import { invalidArgument } from "../../rpc-error.ts";
import { archiveKeys } from "./archive-keys.ts";
import { type ChunkChecksum, checksumBytes, type ManifestChunk, type ManifestSummary } from "./manifest.ts";

/** Between manifests and what goes over the wire. Keys and urls that a client sends are not looked at. */

export const layouts = { parts: Layout.PARTS, cas: Layout.CAS } as const;
const longestSource = 1024;
const mostSources = 32;
const largestFiles = 1024 ** 3;

export function summaryOf(message: SummaryMessage): ManifestSummary {
  const { files, parentDataVersion, chunksDigest } = message;
  const zstd = zstdOf(message.compression);
  if (message.format > 2) throw invalidArgument("format", `${message.format} is newer than this server`);
  return {
    totalSize: safe(message.totalSize, "total_size"),
    ...(zstd === undefined ? {} : { zstd }),
    chunks: message.chunks,
    layout: message.layout === Layout.CAS ? "cas" : "parts",
    format: message.format === 2 ? 2 : 1,
    requires: message.requires.map((feature) => checked(/^[a-z0-9-]{1,64}$/, feature, "requires")),
    ...(files === undefined ? {} : { files: filesOf(files) }),
    ...(parentDataVersion === undefined ? {} : { parent: safe(parentDataVersion, "parent_data_version") }),
    source: sourceOf(message.source),
    ...(chunksDigest === undefined ? {} : { chunksDigest: digestOf(chunksDigest) }),
  };
}

export function summaryMessage(summary: ManifestSummary) {
  const { totalSize, zstd, chunks, layout, format, requires, files, parent, source, chunksDigest } = summary;
  return {
    totalSize: BigInt(totalSize),
    ...(zstd === undefined ? {} : { compression: compressionMessage(zstd) }),
    chunks,
    layout: layouts[layout],
    format,
    requires: [...requires],
    ...(files === undefined
      ? {}
      : { files: { size: BigInt(files.size), sha256: bytes(files.sha256), codec: files.codec } }),
    ...(parent === undefined ? {} : { parentDataVersion: BigInt(parent) }),
    source: { ...source },
    ...(chunksDigest === undefined ? {} : { chunksDigest: bytes(chunksDigest) }),
  };
}

export const compressionMessage = (level: number) => ({ compression: { case: "zstd", value: level } }) as const;

export function zstdOf(compression: Compression | undefined): number | undefined {
  if (compression === undefined) return undefined;
  if (compression.compression.case !== "zstd") throw invalidArgument("compression");
  const level = compression.compression.value;
  if (level < -7 || level > 22) throw invalidArgument("compression", `zstd has no level ${level}`);
  return level;
}

/** The chunk of a manifest. The key follows from its place, or from its content (D6-01). */
export function chunkOf(
  message: Chunk,
  place: {
    readonly storeKey: string;
    readonly version: bigint;
    readonly layout: "parts" | "cas";
    readonly index: number;
  },
): ManifestChunk {
  const { chunk, codec } = message;
  const field = `chunks[${place.index}]`;
  if (chunk === undefined) throw invalidArgument(field);
  const id = place.layout === "cas" ? contentId(message.id, `${field}.id`) : undefined;
  return {
    key:
      id === undefined
        ? archiveKeys.part(place.storeKey, place.version, place.index)
        : archiveKeys.content(place.storeKey, id),
    checksum: checksumOf(chunk.checksum, field),
    size: safe(chunk.size, `${field}.size`),
    destinations: chunk.destinations.map(({ path, positionBytes, sizeBytes }) => ({
      path,
      position: safe(positionBytes, `${field}.destinations`),
      size: safe(sizeBytes, `${field}.destinations`),
    })),
    ...(id === undefined ? {} : { id }),
    ...(codec === undefined ? {} : { codec: codecOf(codec, field) }),
  };
}

export function archiveChunkMessage(chunk: ManifestChunk, index: number, url: string | undefined) {
  return {
    index,
    key: chunk.key,
    ...(url === undefined ? {} : { url }),
    checksum: checksumMessage(chunk.checksum),
    size: BigInt(chunk.size),
    destinations: chunk.destinations.map(({ path, position, size }) => ({
      path,
      positionBytes: BigInt(position),
      sizeBytes: BigInt(size),
    })),
  };
}

export const chunkMessage = (chunk: ManifestChunk, index: number, url: string | undefined) => ({
  chunk: archiveChunkMessage(chunk, index, url),
  ...(chunk.id === undefined ? {} : { id: bytes(chunk.id) }),
  ...(chunk.codec === undefined ? {} : { codec: chunk.codec }),
});

export const checksumMessage = ({ kind, value }: ChunkChecksum) => ({ checksum: { case: kind, value: bytes(value) } });

/** @returns the id of a content-addressed chunk in hex */
export function contentId(id: Uint8Array | undefined, field: string): string {
  if (id?.length !== 32) throw invalidArgument(field, "has to be 32 bytes");
  return Buffer.from(id).toString("hex");
}

export const extended = (chunks: readonly ArchiveChunk[]) => chunks.map((chunk) => ({ chunk }) as Chunk);

function checksumOf(message: Checksum | undefined, field: string): ChunkChecksum {
  const { case: kind, value } = message?.checksum ?? { case: undefined };
  if (kind === undefined) throw invalidArgument("chunks", `${field} has no checksum`);
  if (value.length !== checksumBytes[kind]) throw invalidArgument("chunks", `${field}.checksum has a wrong length`);
  return { kind, value: Buffer.from(value).toString("hex") };
}

function filesOf(files: NonNullable<SummaryMessage["files"]>): NonNullable<ManifestSummary["files"]> {
  const size = safe(files.size, "files.size");
  if (size > largestFiles) throw invalidArgument("files.size", `is more than ${largestFiles}`);
  if (files.sha256.length !== 32) throw invalidArgument("files.sha256", "has to be 32 bytes");
  return { size, sha256: Buffer.from(files.sha256).toString("hex"), codec: codecOf(files.codec ?? "none", "files") };
}

function digestOf(digest: Uint8Array): string {
  if (digest.length !== 32) throw invalidArgument("chunks_digest", "has to be 32 bytes");
  return Buffer.from(digest).toString("hex");
}

function codecOf(codec: string, field: string): "none" | "zstd" {
  if (codec !== "none" && codec !== "zstd") throw invalidArgument(`${field}.codec`, "is neither none nor zstd");
  return codec;
}

function sourceOf(source: Readonly<Record<string, string>>): Readonly<Record<string, string>> {
  const entries = Object.entries(source);
  if (entries.length > mostSources) throw invalidArgument("source", `has more than ${mostSources} entries`);
  for (const [name, value] of entries) {
    checked(/^[a-z0-9_]{1,64}$/, name, "source");
    if (value.length > longestSource || value.includes("\0")) throw invalidArgument("source", `${name} is too long`);
  }
  return Object.fromEntries(entries.sort(([left], [right]) => (left < right ? -1 : 1)));
}

function checked(pattern: RegExp, value: string, field: string): string {
  if (!pattern.test(value)) throw invalidArgument(field, `'${value.slice(0, 60)}' is not allowed`);
  return value;
}

function safe(value: bigint, field: string): number {
  if (value > BigInt(Number.MAX_SAFE_INTEGER)) throw invalidArgument(field, "is too large");
  return Number(value);
}

const bytes = (hex: string) => Uint8Array.from(Buffer.from(hex, "hex"));
