/** Windows of this size and less are not worth counting: up to level 8 there are no larger ones. */
export const SMALL_WINDOW_LOG = 21;
/** What the largest window of a frame may need. (D5-15) */
export const WINDOW_LOG = 27;
/** The longest header of a frame, with its magic number. */
export const FRAME_HEADER_BYTES = 18;

const MAGIC = 0xfd2fb528;

/**
 * How large a window the frame needs that begins with these bytes, as a power of two. (RFC 8878, 3.1.1.1)
 *
 * @param head `FRAME_HEADER_BYTES`, or all that there are; what is no frame needs the largest one, for all that can be known
 */
export function windowLogOf(head: Uint8Array): number {
  const bytes = new DataView(head.buffer, head.byteOffset, head.byteLength);
  if (head.length < 6 || bytes.getUint32(0, true) !== MAGIC) return WINDOW_LOG;
  const descriptor = bytes.getUint8(4);
  const single = (descriptor & 0x20) !== 0;
  if (!single) {
    const window = bytes.getUint8(5);
    return 10 + (window >> 3) + ((window & 7) === 0 ? 0 : 1);
  }
  const at = 5 + [0, 1, 2, 4][descriptor & 3]!;
  const length = [1, 2, 4, 8][descriptor >> 6]!;
  if (head.length < at + length) return WINDOW_LOG;
  const content =
    length === 1
      ? bytes.getUint8(at)
      : length === 2
        ? bytes.getUint16(at, true) + 256
        : length === 4
          ? bytes.getUint32(at, true)
          : Number(bytes.getBigUint64(at, true));
  return Math.max(10, Math.ceil(Math.log2(content)));
}
