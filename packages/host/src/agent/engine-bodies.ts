import { boundedMessages, type MessageLimits, Turns } from "@blockvisor/rpc";
import { BabelEngine } from "@blockvisor/wire/blockvisor/babel/v1/babel";
import type { DescMethod } from "@bufbuild/protobuf";
import { publishTimeoutMs } from "./engine-archives.ts";

const kibi = 1024;
const mebi = 1024 * kibi;

/** Babel's largest request asks for a thousand chunks, each by 32 bytes. */
const requests: MessageLimits = { sent: 128 * kibi, decoded: mebi };
/** A page of a manifest may be a chunk of 500 MB with 200,000 small files, their paths of 150 bytes. */
const pages: MessageLimits = { sent: 32 * mebi, decoded: 192 * mebi };
/** The reference takes a manifest as one message: its pages are kept until all are there. Two million files. */
const wholeManifest: MessageLimits = { ...pages, together: 512 * mebi };

const keptMethod: DescMethod = BabelEngine.method.putDownloadManifest;

/**
 * What the calls of one node may make the daemon read and hold: requests are small, and of what is large, pages of manifests, there is one at a time.
 * Others wait for their turn, which nobody can keep by sending slowly.
 */
export class EngineBodies {
  readonly #large = new Turns(1);
  readonly #messageMs: number;

  constructor(messageMs: number) {
    this.#messageMs = messageMs;
  }

  /** The messages of a call that was let in. @param signal aborted when the call has ended */
  async *bounded(method: DescMethod, body: AsyncIterable<Uint8Array>, signal: AbortSignal): AsyncGenerator<Uint8Array> {
    const turn = () => this.#large.take(signal);
    const reading = { messageMs: this.#messageMs, bodyMs: publishTimeoutMs, small: requests, turn };
    if (method.methodKind === "unary") yield* boundedMessages(body, method.input, requests, reading);
    else if (method !== keptMethod) yield* boundedMessages(body, method.input, pages, reading);
    else {
      // Until the call has ended, so there is none for single pages.
      await turn();
      yield* boundedMessages(body, method.input, wholeManifest, { ...reading, turn: async () => () => {} });
    }
  }
}
