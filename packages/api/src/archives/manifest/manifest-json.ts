import { z } from "zod";
import { checksumBytes, type Manifest, type ManifestChunk, type ManifestSummary, maxChunks } from "./manifest.ts";

/**
 * The JSON that the reference writes and reads (babel-agent §6.4, Appendix A). What is ours is added as further members, which the
 * reference ignores, and only where there is something to say.
 */

const size = z.number().int().min(0).max(Number.MAX_SAFE_INTEGER);
const codec = z.enum(["none", "zstd"]);
const hex = /^[0-9a-f]*$/;

const headerSchema = z.object({
  total_size: size,
  compression: z.object({ ZSTD: z.number().int() }).nullish(),
  chunks: z.number().int().min(0).max(maxChunks),
  format: z.number().int().optional(),
  requires: z.array(z.string()).optional(),
  layout: z.enum(["parts", "cas"]).optional(),
  files: z.object({ size, sha256: z.string().regex(hex).length(64), codec }).optional(),
  parent: z.object({ data_version: size }).optional(),
  source: z.record(z.string(), z.string()).optional(),
  chunks_sha256: z.string().regex(hex).length(64).optional(),
});

/** Arrays of numbers, as the reference writes, or hex (CA-6.7). Looked at by hand: a body has millions of these numbers. */
const bytes = (length: number) =>
  z.union([
    z.custom<number[]>((value) => Array.isArray(value) && value.length === length && value.every(isByte)),
    z
      .string()
      .regex(hex)
      .length(length * 2),
  ]);

const isByte = (value: unknown) => Number.isInteger(value) && (value as number) >= 0 && (value as number) <= 255;

const checksum = z.union([
  z.object({ sha1: bytes(checksumBytes.sha1) }),
  z.object({ sha256: bytes(checksumBytes.sha256) }),
  z.object({ blake3: bytes(checksumBytes.blake3) }),
]);

const destination = z.object({ path: z.string(), position: size.optional(), pos: size.optional(), size });

const bodySchema = z.object({
  chunks: z
    .array(
      z.object({
        key: z.string(),
        checksum,
        size,
        destinations: z.array(destination),
        id: z.string().regex(hex).length(64).optional(),
        codec: codec.optional(),
      }),
    )
    .max(maxChunks),
});

/** @throws an Error that says what is wrong */
export function readHeader(json: Buffer): ManifestSummary {
  const read = headerSchema.parse(JSON.parse(json.toString("utf8")));
  return {
    totalSize: read.total_size,
    ...(read.compression == null ? {} : { zstd: read.compression.ZSTD }),
    chunks: read.chunks,
    layout: read.layout ?? "parts",
    format: read.format === undefined || read.format < 2 ? 1 : 2,
    requires: read.requires ?? [],
    ...(read.files === undefined ? {} : { files: read.files }),
    ...(read.parent === undefined ? {} : { parent: read.parent.data_version }),
    source: read.source ?? {},
    ...(read.chunks_sha256 === undefined ? {} : { chunksDigest: read.chunks_sha256 }),
  };
}

/** The position in the array is a chunk's index, whatever it says of itself. @throws an Error that says what is wrong */
export function readBody(json: Buffer): readonly ManifestChunk[] {
  const read = bodySchema.parse(JSON.parse(json.toString("utf8")));
  return read.chunks.map((chunk) => ({
    key: chunk.key,
    checksum: readChecksum(chunk.checksum),
    size: chunk.size,
    destinations: chunk.destinations.map(({ path, position, pos, size: length }) => ({
      path,
      position: position ?? pos ?? 0,
      size: length,
    })),
    ...(chunk.id === undefined ? {} : { id: chunk.id }),
    ...(chunk.codec === undefined ? {} : { codec: chunk.codec }),
  }));
}

export function writeHeader(summary: ManifestSummary): Buffer {
  const { totalSize, zstd, chunks, layout, format, requires, files, parent, source, chunksDigest } = summary;
  return toJson({
    total_size: totalSize,
    compression: zstd === undefined ? null : { ZSTD: zstd },
    chunks,
    ...(format === 1 ? {} : { format }),
    ...(requires.length === 0 ? {} : { requires }),
    ...(layout === "parts" ? {} : { layout }),
    ...(files === undefined ? {} : { files }),
    ...(parent === undefined ? {} : { parent: { data_version: parent } }),
    ...(Object.keys(source).length === 0 ? {} : { source }),
    ...(chunksDigest === undefined ? {} : { chunks_sha256: chunksDigest }),
  });
}

export function writeBody(chunks: Manifest["chunks"]): Buffer {
  return toJson({
    chunks: chunks.map((chunk, index) => ({
      index,
      key: chunk.key,
      url: null,
      checksum: { [chunk.checksum.kind]: [...Buffer.from(chunk.checksum.value, "hex")] },
      size: chunk.size,
      destinations: chunk.destinations.map(({ path, position, size: length }) => ({ path, position, size: length })),
      ...(chunk.id === undefined ? {} : { id: chunk.id }),
      ...(chunk.codec === undefined ? {} : { codec: chunk.codec }),
    })),
  });
}

const toJson = (value: unknown) => Buffer.from(JSON.stringify(value));

function readChecksum(read: z.output<typeof checksum>): ManifestChunk["checksum"] {
  const [kind, value] = Object.entries(read)[0] as [keyof typeof checksumBytes, string | number[]];
  return { kind, value: typeof value === "string" ? value : Buffer.from(value).toString("hex") };
}
