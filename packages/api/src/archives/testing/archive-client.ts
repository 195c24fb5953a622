import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import type { ChunkSchema, ManifestSummarySchema } from "@blockvisor/wire/blockvisor/archive/v1/archive";
import type { MessageInitShape } from "@bufbuild/protobuf";
import type { Clients } from "../../testing/clients.ts";

/** An uploader and downloader that knows nothing but the contract: RPCs for words, signed urls for bytes. */

export const sha256 = (bytes: Uint8Array) => Uint8Array.from(createHash("sha256").update(bytes).digest());

export const byKey = (storeKey: string) => ({ archive: { case: "storeKey" as const, value: storeKey } });

export async function putObject(url: string, bytes: Uint8Array, headers: Readonly<Record<string, string>> = {}) {
  const response = await fetch(url, { method: "PUT", body: bytes as Uint8Array<ArrayBuffer>, headers });
  return { status: response.status, text: await response.text() };
}

/** One file, a chunk for every piece of it. */
export const chunksOf = (pieces: readonly Uint8Array[], path = "chaindata/000001.sst") => {
  let position = 0;
  return pieces.map((piece, index) => {
    const chunk = {
      index,
      key: "chosen by the client",
      checksum: { checksum: { case: "sha256" as const, value: sha256(piece) } },
      size: BigInt(piece.length),
      destinations: [{ path, positionBytes: BigInt(position), sizeBytes: BigInt(piece.length) }],
    };
    position += piece.length;
    return chunk;
  });
};

export const totalOf = (pieces: readonly Uint8Array[]) => BigInt(pieces.reduce((sum, { length }) => sum + length, 0));

/** The reference's way, by store key: reserve, PUT each chunk, publish. @returns the version */
export async function uploadByReference(as: Clients, storeKey: string, pieces: readonly Uint8Array[]): Promise<bigint> {
  const slotIndexes = pieces.map((_, index) => index);
  const { dataVersion, slots } = await as.archive.getUploadSlotsByStoreKey({ storeKey, slotIndexes });
  for (const { index, url } of slots) {
    const put = await putObject(url, pieces[index] ?? new Uint8Array());
    assert.ok(put.status < 300, `${put.status} ${put.text}`);
  }
  await as.archive.putDownloadManifestByStoreKey({
    storeKey,
    dataVersion,
    totalSize: totalOf(pieces),
    chunks: chunksOf(pieces),
  });
  return dataVersion;
}

/** Downloads a version as the reference's client does, in ranges. @returns the file's bytes */
export async function downloadByReference(as: Clients, storeKey: string, version?: bigint): Promise<Buffer> {
  const metadata = await as.archive.getDownloadMetadataByStoreKey({
    storeKey,
    ...(version === undefined ? {} : { dataVersion: version }),
  });
  const file = Buffer.alloc(Number(metadata.totalSize));
  for (let index = 0; index < metadata.chunks; index += 1) {
    const { chunks } = await as.archive.getDownloadChunksByStoreKey({
      storeKey,
      dataVersion: metadata.dataVersion,
      chunkIndexes: [index],
    });
    const chunk = chunks[0];
    assert.ok(chunk?.url !== undefined && chunk.checksum?.checksum.case !== undefined);
    const size = Number(chunk.size);
    const middle = Math.floor(size / 2);
    const stored = Buffer.concat([
      await range(chunk.url, 0, middle - 1, size),
      await range(chunk.url, middle, size - 1, size),
    ]);
    assert.deepEqual(sha256(stored), Uint8Array.from(chunk.checksum.checksum.value));
    stored.copy(file, Number(chunk.destinations[0]?.positionBytes));
  }
  return file;
}

async function range(url: string, first: number, last: number, size: number): Promise<Buffer> {
  const response = await fetch(url, { headers: { range: `bytes=${first}-${last}` } });
  assert.deepEqual([response.status, response.headers.get("content-range")], [206, `bytes ${first}-${last}/${size}`]);
  return Buffer.from(await response.bytes());
}

export async function* manifestStream(
  storeKey: string,
  dataVersion: bigint,
  summary: MessageInitShape<typeof ManifestSummarySchema>,
  chunks: readonly MessageInitShape<typeof ChunkSchema>[],
  orgId?: string,
) {
  const archive = { ...byKey(storeKey), ...(orgId === undefined ? {} : { orgId }) };
  yield { part: { case: "header" as const, value: { archive, dataVersion, summary } } };
  for (const chunk of chunks) yield { part: { case: "chunks" as const, value: { chunks: [chunk] } } };
}

export const first = <Item>(items: readonly Item[]): Item => {
  assert.ok(items[0] !== undefined);
  return items[0];
};
