/** One message of a stream is at most a node, a log line or what a terminal shows at once; more is not the daemon talking. */
const maxMessageBytes = 16 << 20;

/** One message of a stream: a byte of flags, four bytes of length, the message. */
export function envelope(text: string): Buffer {
  const message = Buffer.from(text);
  const head = Buffer.alloc(5);
  head.writeUInt32BE(message.length, 1);
  return Buffer.concat([head, message]);
}

/** The messages of a stream; the last one tells how it ended. */
export async function* envelopes(
  response: AsyncIterable<Buffer>,
): AsyncGenerator<{ readonly last: boolean; readonly text: string }> {
  let buffered: Buffer = Buffer.alloc(0);
  for await (const chunk of response) {
    buffered = buffered.length === 0 ? chunk : Buffer.concat([buffered, chunk]);
    while (buffered.length >= 5) {
      const length = buffered.readUInt32BE(1);
      if (length > maxMessageBytes) throw new Error("a message of the stream is too long");
      if (buffered.length < 5 + length) break;
      yield { last: (buffered.readUInt8(0) & 2) !== 0, text: buffered.toString("utf8", 5, 5 + length) };
      buffered = buffered.subarray(5 + length);
    }
  }
}
