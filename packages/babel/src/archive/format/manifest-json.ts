import type {
  Checksum,
  Chunk,
  Codec,
  Compression,
  Destination,
  HashAlgorithm,
  Header,
  Layout,
  SideObject,
} from "./chunk.ts";
import { refuse } from "./refusal.ts";

/**
 * `manifest-header.json` and `manifest-body.json` in the object store (§6.4), and the same shapes in state files (§4.1), as the reference writes
 * and reads them. Keys of our own are left out where they say nothing.
 */

type JsonObject = Readonly<Record<string, unknown>>;
const ALGORITHMS: readonly HashAlgorithm[] = ["sha1", "sha256", "blake3"];

export function headerToJson(header: Header): JsonObject {
  const { totalSize, compression, chunks, layout, format, requires, files, parentDataVersion, source, chunksDigest } =
    header;
  return {
    total_size: totalSize,
    compression: compressionToJson(compression),
    chunks,
    ...(format === undefined ? {} : { format }),
    ...(requires === undefined || requires.length === 0 ? {} : { requires }),
    ...(layout === undefined || layout === "parts" ? {} : { layout }),
    ...(files === undefined ? {} : { files }),
    ...(parentDataVersion === undefined ? {} : { parent: { data_version: parentDataVersion } }),
    ...(source === undefined || Object.keys(source).length === 0 ? {} : { source }),
    ...(chunksDigest === undefined ? {} : { chunks_sha256: chunksDigest }),
  };
}

/** @throws InvalidManifest */
export function headerFromJson(value: unknown): Header {
  const json = object(value, "the header");
  const { files, parent, source } = json;
  return {
    totalSize: amount(json["total_size"], "total_size"),
    compression: compressionFromJson(json["compression"]),
    chunks: amount(json["chunks"], "chunks"),
    ...(json["format"] === undefined ? {} : { format: amount(json["format"], "format") }),
    ...(json["requires"] === undefined ? {} : { requires: array(json["requires"], "requires").map(String) }),
    ...(json["layout"] === undefined ? {} : { layout: layoutFrom(json["layout"]) }),
    ...(files === undefined ? {} : { files: sideObject(object(files, "files")) }),
    ...(parent === undefined
      ? {}
      : { parentDataVersion: amount(object(parent, "parent")["data_version"], "data_version") }),
    ...(source === undefined ? {} : { source: strings(object(source, "source")) }),
    ...(json["chunks_sha256"] === undefined ? {} : { chunksDigest: String(json["chunks_sha256"]) }),
  };
}

export const bodyToJson = (chunks: readonly Chunk[]): JsonObject => ({
  chunks: chunks.map((chunk) => chunkToJson(chunk, "position")),
});

/** Chunks without an index are numbered by their position. @throws InvalidManifest */
export function bodyFromJson(value: unknown): readonly Chunk[] {
  return array(object(value, "the body")["chunks"], "chunks").map((chunk, position) => chunkFromJson(chunk, position));
}

/** @param offset name of a destination's offset: `position` in the store's body, `pos` in state files */
export function chunkToJson(chunk: Chunk, offset: "position" | "pos" = "pos"): JsonObject {
  const { index, key, checksum, size, destinations, id, codec } = chunk;
  return {
    index,
    key,
    url: null,
    checksum: checksumToJson(checksum),
    size,
    destinations: destinations.map(({ path, pos, size }) => ({ path, [offset]: pos, size })),
    ...(id === undefined ? {} : { id }),
    ...(codec === undefined ? {} : { codec }),
  };
}

/** @throws InvalidManifest */
export function chunkFromJson(value: unknown, position: number): Chunk {
  const json = object(value, `chunk ${position}`);
  const index = json["index"] ?? undefined;
  const url = json["url"];
  return {
    index: index === undefined ? position : amount(index, "index"),
    key: text(json["key"], "key"),
    ...(typeof url === "string" && url !== "" ? { url } : {}),
    checksum: checksumFromJson(json["checksum"], position),
    size: amount(json["size"], "size"),
    destinations: array(json["destinations"], "destinations").map(destinationFromJson),
    ...(json["id"] === undefined ? {} : { id: text(json["id"], "id") }),
    ...(json["codec"] === undefined ? {} : { codec: codecFrom(json["codec"]) }),
  };
}

function destinationFromJson(value: unknown): Destination {
  const json = object(value, "a destination");
  return {
    path: text(json["path"], "path"),
    pos: amount(json["pos"] ?? json["position"], "pos"),
    size: amount(json["size"], "size"),
  };
}

const checksumToJson = ({ algorithm, hex }: Checksum): JsonObject => ({ [algorithm]: [...Buffer.from(hex, "hex")] });

function checksumFromJson(value: unknown, position: number): Checksum {
  const json = object(value, `the checksum of chunk ${position}`);
  const algorithm = ALGORITHMS.find((each) => json[each] !== undefined);
  if (algorithm === undefined) return refuse(`chunk ${position} has a checksum of an unknown type`);
  const bytes = array(json[algorithm], algorithm);
  const isByte = (each: unknown): each is number =>
    Number.isInteger(each) && (each as number) >= 0 && (each as number) < 256;
  if (!bytes.every(isByte)) return refuse(`chunk ${position} has a malformed ${algorithm} checksum`);
  return { algorithm, hex: Buffer.from(bytes).toString("hex") };
}

const compressionToJson = (compression: Compression): JsonObject | null =>
  compression.codec === "zstd" ? { ZSTD: compression.level } : null;

function compressionFromJson(value: unknown): Compression {
  if (value === null || value === undefined) return { codec: "none" };
  const level = object(value, "compression")["ZSTD"];
  return typeof level === "number" ? { codec: "zstd", level } : refuse("it has a compression of an unknown type");
}

function sideObject(json: JsonObject): SideObject {
  const codec = json["codec"] === undefined ? "none" : codecFrom(json["codec"]);
  return { size: amount(json["size"], "size"), sha256: text(json["sha256"], "sha256"), codec };
}

export function codecFrom(value: unknown): Codec {
  return value === "zstd" || value === "none"
    ? value
    : refuse(`it has an unknown codec ${JSON.stringify(value).slice(0, 60)}`);
}

const layoutFrom = (value: unknown): Layout =>
  value === "parts" || value === "cas" ? value : refuse("it has an unknown layout");

const strings = (json: JsonObject): Readonly<Record<string, string>> =>
  Object.fromEntries(Object.entries(json).map(([key, value]) => [key, String(value)]));

function object(value: unknown, what: string): JsonObject {
  if (typeof value !== "object" || value === null || Array.isArray(value)) return refuse(`${what} is not an object`);
  return value as JsonObject;
}

function array(value: unknown, what: string): readonly unknown[] {
  return Array.isArray(value) ? value : refuse(`'${what}' is not a list`);
}

function text(value: unknown, what: string): string {
  return typeof value === "string" ? value : refuse(`'${what}' is not a text`);
}

function amount(value: unknown, what: string): number {
  return typeof value === "number" && Number.isSafeInteger(value) && value >= 0
    ? value
    : refuse(`'${what}' is not a whole number`);
}
