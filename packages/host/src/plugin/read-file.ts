import { createHash } from "node:crypto";
import { type CallOptions, Code } from "@connectrpc/connect";
import { AgentError } from "../agent/agent-error.ts";
import type { AgentLink } from "../agent/agent-link.ts";
import { HostError } from "../errors/host-error.ts";

/** Bytes of a file; babel refuses larger ones, too (spec babel-agent D2-15). */
const mostBytes = 64 * 1024 * 1024;

/**
 * A file of a node. What sends it may be no babel of ours: it takes no more memory than a file may, in however many pieces it comes. Errors
 * `file_too_large`, and `failed` if it is not whole.
 */
export async function readFileOf(
  { babel }: Pick<AgentLink, "babel">,
  path: string,
  options: CallOptions,
  most = mostBytes,
): Promise<Uint8Array> {
  const tooMuch = new AbortController();
  const signal = options.signal ? AbortSignal.any([options.signal, tooMuch.signal]) : tooMuch.signal;
  const hash = createHash("sha256");
  let content = Buffer.alloc(0);
  let size = 0;
  let sent: Uint8Array | undefined;
  const take = (piece: Uint8Array): void => {
    const next = size + piece.length;
    if (next > content.length) {
      const larger = Buffer.allocUnsafe(Math.min(2 * next, most));
      content.copy(larger, 0, 0, size);
      content = larger;
    }
    content.set(piece, size);
    size = next;
    hash.update(piece);
  };
  try {
    for await (const { part } of babel.readFile({ path }, { ...options, signal })) {
      if (part.case === "sha256") sent = part.value;
      else if (part.case === "content" && size + part.value.length <= most) take(part.value);
      // The call ends by itself then: one that is left in its middle keeps its timer.
      else if (part.case === "content") tooMuch.abort();
    }
  } catch (error) {
    throw tooMuch.signal.aborted ? tooLarge(path, most) : error;
  }
  if (sent === undefined || !hash.digest().equals(sent))
    throw new HostError("failed", `file_read ${path} failed: incomplete`);
  return content.subarray(0, size);
}

/** As babel says it. */
function tooLarge(path: string, most: number): AgentError {
  const message = `file too large: ${path} has more than ${most} bytes`;
  return new AgentError("file_too_large", Code.ResourceExhausted, message);
}
