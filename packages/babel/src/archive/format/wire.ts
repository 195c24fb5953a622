import type * as blockjoy from "@blockvisor/wire/blockjoy/v1/archive";
import * as archive from "@blockvisor/wire/blockvisor/archive/v1/archive";
import type { MessageInitShape } from "@bufbuild/protobuf";
import type { Checksum, Chunk, Compression, Header } from "./chunk.ts";
import { codecFrom } from "./manifest-json.ts";
import { refuse } from "./refusal.ts";

/** The messages of §6.2, and of blockvisor.archive.v1, which carry what the reference's cannot. */

type ReferenceChunk = MessageInitShape<typeof blockjoy.ArchiveChunkSchema>;
type ReferenceCompression = MessageInitShape<typeof blockjoy.CompressionSchema>;

export function chunkToReference(chunk: Chunk): ReferenceChunk {
  return {
    index: chunk.index,
    key: chunk.key,
    checksum: checksumToWire(chunk.checksum),
    size: BigInt(chunk.size),
    destinations: chunk.destinations.map(({ path, pos, size }) => ({
      path,
      positionBytes: BigInt(pos),
      sizeBytes: BigInt(size),
    })),
  };
}

/** @throws InvalidManifest */
export function chunkFromReference(message: blockjoy.ArchiveChunk): Chunk {
  return {
    index: message.index,
    key: message.key,
    ...(message.url === undefined || message.url === "" ? {} : { url: message.url }),
    checksum: checksumFromWire(message.checksum, message.index),
    size: amount(message.size),
    destinations: message.destinations.map(({ path, positionBytes, sizeBytes }) => ({
      path,
      pos: amount(positionBytes),
      size: amount(sizeBytes),
    })),
  };
}

export function chunkToWire(chunk: Chunk): MessageInitShape<typeof archive.ChunkSchema> {
  return {
    chunk: chunkToReference(chunk),
    ...(chunk.id === undefined ? {} : { id: Buffer.from(chunk.id, "hex") }),
    ...(chunk.codec === undefined ? {} : { codec: chunk.codec }),
  };
}

/** @throws InvalidManifest */
export function chunkFromWire(message: archive.Chunk): Chunk {
  if (message.chunk === undefined) return refuse("a chunk is empty");
  return {
    ...chunkFromReference(message.chunk),
    ...(message.id === undefined ? {} : { id: hex(message.id) }),
    ...(message.codec === undefined ? {} : { codec: codecFrom(message.codec) }),
  };
}

export function headerToWire(header: Header): MessageInitShape<typeof archive.ManifestSummarySchema> {
  const compression = compressionToWire(header.compression);
  const { files } = header;
  return {
    totalSize: BigInt(header.totalSize),
    ...(compression === undefined ? {} : { compression }),
    chunks: header.chunks,
    layout: header.layout === "cas" ? archive.Layout.CAS : archive.Layout.PARTS,
    format: header.format ?? 0,
    requires: [...(header.requires ?? [])],
    ...(files === undefined
      ? {}
      : { files: { size: BigInt(files.size), sha256: Buffer.from(files.sha256, "hex"), codec: files.codec } }),
    ...(header.parentDataVersion === undefined ? {} : { parentDataVersion: BigInt(header.parentDataVersion) }),
    source: { ...header.source },
    ...(header.chunksDigest === undefined ? {} : { chunksDigest: Buffer.from(header.chunksDigest, "hex") }),
  };
}

/** @throws InvalidManifest */
export function headerFromWire(message: archive.ManifestSummary): Header {
  const { files, parentDataVersion, chunksDigest } = message;
  return {
    totalSize: amount(message.totalSize),
    compression: compressionFromWire(message.compression),
    chunks: message.chunks,
    layout: message.layout === archive.Layout.CAS ? "cas" : "parts",
    format: message.format,
    requires: message.requires,
    ...(files === undefined
      ? {}
      : { files: { size: amount(files.size), sha256: hex(files.sha256), codec: codecFrom(files.codec ?? "none") } }),
    ...(parentDataVersion === undefined ? {} : { parentDataVersion: amount(parentDataVersion) }),
    ...(Object.keys(message.source).length === 0 ? {} : { source: message.source }),
    ...(chunksDigest === undefined ? {} : { chunksDigest: hex(chunksDigest) }),
  };
}

export function compressionToWire(compression: Compression): ReferenceCompression | undefined {
  return compression.codec === "none" ? undefined : { compression: { case: "zstd", value: compression.level } };
}

/** @throws InvalidManifest */
export function compressionFromWire(message: blockjoy.Compression | undefined): Compression {
  if (message === undefined) return { codec: "none" };
  if (message.compression.case !== "zstd") return refuse("it has a compression of an unknown type");
  return { codec: "zstd", level: message.compression.value };
}

const checksumToWire = ({ algorithm, hex }: Checksum): MessageInitShape<typeof blockjoy.ChecksumSchema> => ({
  checksum: { case: algorithm, value: Buffer.from(hex, "hex") },
});

export function checksumFromWire(message: blockjoy.Checksum | undefined, index: number): Checksum {
  const checksum = message?.checksum;
  if (checksum?.case === undefined) return refuse(`chunk ${index} has a checksum of an unknown type`);
  return { algorithm: checksum.case, hex: hex(checksum.value) };
}

const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString("hex");

function amount(value: bigint): number {
  const amount = Number(value);
  return Number.isSafeInteger(amount) ? amount : refuse(`a size of ${value} bytes`);
}
