const encoder = new TextEncoder();
const decoder = new TextDecoder("utf-8", { ignoreBOM: true });

export function utf8Encode(text: string): Uint8Array {
  return encoder.encode(text);
}

/** Lossy: U+FFFD for every maximal invalid sequence. */
export function utf8Decode(bytes: Uint8Array): string {
  return decoder.decode(bytes);
}
