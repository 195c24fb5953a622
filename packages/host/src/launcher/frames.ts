const HEAD_END = 0x0a;

/** For the bytes of a stream as they come: calls `onFrame` for each whole `ID KIND BYTES\n` with as many bytes. */
export function createFrameReader(onFrame: (id: number, kind: string, bytes: Buffer) => void): (chunk: Buffer) => void {
  let pending: Buffer = Buffer.alloc(0);
  return (chunk) => {
    pending = pending.length === 0 ? chunk : Buffer.concat([pending, chunk]);
    for (;;) {
      const head = pending.indexOf(HEAD_END);
      if (head < 0) return;
      const [id = "", kind = "", size = ""] = pending.toString("latin1", 0, head).split(" ");
      const end = head + 1 + Number(size);
      if (pending.length < end) return;
      const bytes = pending.subarray(head + 1, end);
      pending = pending.subarray(end);
      onFrame(Number(id), kind, bytes);
    }
  };
}
