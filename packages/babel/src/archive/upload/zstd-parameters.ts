import { constants, createZstdCompress } from "node:zlib";
import { ZstdBinding } from "../transfer/zstd-binding.ts";

/** Of `node:zlib`. */
export type ZstdParameters = Readonly<Record<number, number>>;

/**
 * What level 3 can mean without being larger than zstd's own: with a smaller table for short matches, which then stays in the cache of the core (a
 * tenth less time, at most 0.7 % larger, mostly smaller); or, for data like that of databases, with one table, for matches of seven bytes and more (half
 * the time, and smaller), which may be a small one if that finds as much (another tenth less). README has the figures.
 */
const LEVEL_3: ZstdParameters = { [constants.ZSTD_c_compressionLevel]: 3, [constants.ZSTD_c_chainLog]: 15 };
const longMatches = (hashLog: number): ZstdParameters => ({
  [constants.ZSTD_c_compressionLevel]: 3,
  [constants.ZSTD_c_strategy]: constants.ZSTD_fast,
  [constants.ZSTD_c_hashLog]: hashLog,
  [constants.ZSTD_c_minMatch]: 7,
});
const LONG_MATCHES = longMatches(17);
const LONG_MATCHES_SMALL = longMatches(16);
/** A small table that finds a little less in a sample finds much less in all of the data. */
const AS_MUCH = 1.002;
const LEVEL_1: ZstdParameters = { [constants.ZSTD_c_compressionLevel]: 1 };
/** Below this share of saved bytes compression is not worth it. (D5-15) */
const WORTHWHILE = 0.03;

/**
 * Parameters for data that these are samples of: of what level 3 can be, the faster one, if it compresses as well.
 *
 * @param scratch is written to; larger than any sample
 */
export function parametersFor(level: number, samples: readonly Uint8Array[], scratch: Uint8Array): ZstdParameters {
  if (level !== 3) return { [constants.ZSTD_c_compressionLevel]: level };
  if (samples.length === 0) return LEVEL_3;
  const sizeWith = (params: ZstdParameters): number =>
    samples.reduce((sum, sample) => sum + compressedSize(sample, params, scratch), 0);
  const size = sizeWith(LONG_MATCHES);
  if (size > sizeWith(LEVEL_3)) return LEVEL_3;
  return sizeWith(LONG_MATCHES_SMALL) <= size * AS_MUCH ? LONG_MATCHES_SMALL : LONG_MATCHES;
}

export const hardlyShrinks = (sample: Uint8Array, scratch: Uint8Array): boolean =>
  compressedSize(sample, LEVEL_1, scratch) > sample.length * (1 - WORTHWHILE);

/** What does not fit into the scratch is said to have its size. */
function compressedSize(sample: Uint8Array, params: ZstdParameters, scratch: Uint8Array): number {
  const zstd = new ZstdBinding(createZstdCompress({ chunkSize: 64, params }));
  zstd.step("end", sample, 0, scratch, 0);
  zstd.close();
  return scratch.length - zstd.outputLeft;
}
