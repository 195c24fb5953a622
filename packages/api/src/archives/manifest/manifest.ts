/** A published version of an archive as it lies in the object store: header and body (babel-agent §4.1, §6.4, §9.4). */
export interface Manifest {
  readonly summary: ManifestSummary;
  readonly chunks: readonly ManifestChunk[];
}

/** The header. Sizes are bytes. */
export interface ManifestSummary {
  /** sum of all destination sizes */
  readonly totalSize: number;
  /** level of zstd; absent: chunks are stored as they are */
  readonly zstd?: number;
  readonly chunks: number;
  readonly layout: "parts" | "cas";
  /** 2: has something the reference's readers do not know */
  readonly format: 1 | 2;
  /** features without which the data cannot be restored */
  readonly requires: readonly string[];
  readonly files?: { readonly size: number; readonly sha256: string; readonly codec: "none" | "zstd" };
  readonly parent?: number;
  readonly source: Readonly<Record<string, string>>;
  /** the uploader's, in hex */
  readonly chunksDigest?: string;
}

export interface ManifestChunk {
  readonly key: string;
  readonly checksum: ChunkChecksum;
  /** of the stored object */
  readonly size: number;
  readonly destinations: readonly Destination[];
  /** hash of the uncompressed bytes in hex, of content-addressed chunks */
  readonly id?: string;
  /** where it differs from what the header says */
  readonly codec?: "none" | "zstd";
}

export interface ChunkChecksum {
  readonly kind: keyof typeof checksumBytes;
  /** hex */
  readonly value: string;
}

export interface Destination {
  readonly path: string;
  readonly position: number;
  readonly size: number;
}

export const checksumBytes = { sha1: 20, sha256: 32, blake3: 32 } as const;

export const maxChunks = 1_000_000;

export const storedSizeOf = ({ summary, chunks }: Manifest): number =>
  chunks.reduce((sum, chunk) => sum + chunk.size, summary.files?.size ?? 0);
