/** What an archive consists of, whatever it came in as: JSON in the object store (§6.4), messages (§6.2), state files (§4.1). */

export type HashAlgorithm = "sha1" | "sha256" | "blake3";

/** Bytes of a digest. */
export const DIGEST_BYTES: Readonly<Record<HashAlgorithm, number>> = { sha1: 20, sha256: 32, blake3: 32 };

export type Checksum = {
  readonly algorithm: HashAlgorithm;
  /** Lower case. */
  readonly hex: string;
};

/** How the bytes of an object are stored; the level says only how it was written. */
export type Codec = "zstd" | "none";
export type Compression = { readonly codec: "zstd"; readonly level: number } | { readonly codec: "none" };

/** A range of a file. Destinations of a chunk, one after the other, are its uncompressed bytes. */
export type Destination = {
  /** Relative to the root of the data. */
  readonly path: string;
  readonly pos: number;
  /** 0: the file is empty. */
  readonly size: number;
};

export type Chunk = {
  readonly index: number;
  readonly key: string;
  /** Signed; never stored and never logged. */
  readonly url?: string;
  /** Of the stored object. */
  readonly checksum: Checksum;
  /** Bytes of the stored object; 0: there is none. */
  readonly size: number;
  readonly destinations: readonly Destination[];
  /** Hash of the uncompressed bytes that a content-addressed archive knows the chunk by (§9.3), 32 bytes in hex. */
  readonly id?: string;
  /** Where it differs from the archive's compression. (§9.4) */
  readonly codec?: Codec;
};

export type Layout = "parts" | "cas";

/** A side object of the archive, e.g. `manifest-files.json`. */
export type SideObject = { readonly size: number; readonly sha256: string; readonly codec: Codec };

/** Everything about a version but its chunks. */
export type Header = {
  /** Sum of all destination sizes. */
  readonly totalSize: number;
  readonly compression: Compression;
  readonly chunks: number;
  readonly layout?: Layout;
  /** 2: what follows may be used; absent or less: what the reference writes. */
  readonly format?: number;
  /** Features that a reader has to know, else it refuses. */
  readonly requires?: readonly string[];
  readonly files?: SideObject;
  readonly parentDataVersion?: number;
  readonly source?: Readonly<Record<string, string>>;
  /** Hex; see `ChunksDigest`. */
  readonly chunksDigest?: string;
};

/** Key of an object in the layout that the reference reads. (§6.4) */
export const partKey = (storeKey: string, dataVersion: number, index: number): string =>
  `${storeKey}/${dataVersion}/data.part_${index}`;

/** Uncompressed bytes of a chunk. */
export const contentSize = (chunk: Pick<Chunk, "destinations">): number =>
  chunk.destinations.reduce((sum, { size }) => sum + size, 0);

export const codecOf = (chunk: Chunk, compression: Compression): Codec => chunk.codec ?? compression.codec;
