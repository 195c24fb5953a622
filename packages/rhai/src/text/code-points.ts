/** Text as scripts see it: positions and lengths count Unicode code points, order is code point order. */

const SURROGATE = /[\ud800-\udfff]/;
let lastText = "";
let lastIsWide = false;

/** True when the text holds characters outside the basic plane, so that UTF-16 positions are not code point positions. */
export function isWide(text: string): boolean {
  if (text.length < 8) {
    for (let i = 0; i < text.length; i++) if ((text.charCodeAt(i) & 0xf800) === 0xd800) return true;
    return false;
  }
  if (text !== lastText) {
    lastText = text;
    lastIsWide = SURROGATE.test(text);
  }
  return lastIsWide;
}

export function codePointLength(text: string): number {
  if (!isWide(text)) return text.length;
  let count = 0;
  for (let i = 0; i < text.length; i++) if ((text.charCodeAt(i) & 0xfc00) !== 0xdc00) count++;
  return count;
}

let offsetsText = "";
let offsets: number[] = [];

/** UTF-16 position of a code point position (which must be in 0..length). */
export function utf16Offset(text: string, index: number): number {
  if (!isWide(text)) return index;
  if (text !== offsetsText) {
    offsetsText = text;
    offsets = [];
    for (let i = 0; i < text.length; i++) if ((text.charCodeAt(i) & 0xfc00) !== 0xdc00) offsets.push(i);
    offsets.push(text.length);
  }
  return offsets[index] ?? text.length;
}

/** Code point position of a UTF-16 position. */
export function codePointIndex(text: string, offset: number): number {
  return isWide(text) ? codePointLength(text.slice(0, offset)) : offset;
}

export function sliceCodePoints(text: string, from: number, to: number): string {
  return isWide(text) ? text.slice(utf16Offset(text, from), utf16Offset(text, to)) : text.slice(from, to);
}

/** Code point order, which differs from UTF-16 order where surrogates meet U+E000–U+FFFF. */
export function compareText(a: string, b: string): number {
  if (a === b) return 0;
  if (!SURROGATE.test(a) && !SURROGATE.test(b)) return a < b ? -1 : 1;
  const length = Math.min(a.length, b.length);
  for (let i = 0; i < length; i++) {
    const x = a.charCodeAt(i);
    const y = b.charCodeAt(i);
    if (x === y) continue;
    const xWide = (x & 0xf800) === 0xd800;
    const yWide = (y & 0xf800) === 0xd800;
    if (xWide !== yWide) return xWide ? 1 : -1;
    return x < y ? -1 : 1;
  }
  return a.length - b.length;
}

/** Length in UTF-8, which is what size limits and `.bytes` count. */
export function utf8Length(text: string): number {
  let bytes = text.length;
  for (let i = 0; i < text.length; i++) {
    const unit = text.charCodeAt(i);
    if (unit < 0x80) continue;
    if (unit < 0x800) bytes += 1;
    else if ((unit & 0xfc00) === 0xd800) {
      bytes += 2;
      i++;
    } else bytes += 2;
  }
  return bytes;
}
