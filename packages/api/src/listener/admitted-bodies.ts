import { boundedBytes, boundedMessage, boundedMessages, type MessageLimits } from "@blockvisor/rpc";
import type { DescMethod } from "@bufbuild/protobuf";
import type { ContextValues } from "@connectrpc/connect";
import {
  assertByteStreamRequest,
  type Compression,
  type UniversalHandler,
  type UniversalServerRequest,
} from "@connectrpc/connect/protocol";
import { compressionBrotli, compressionGzip } from "@connectrpc/connect-node";

/** What the body of a call may be, as far as it depends on who calls. */
export interface BodyLimits extends MessageLimits {
  /** Waits until a body that is larger than others may be read; what it returns lets the next one in. */
  readonly turn?: (signal: AbortSignal) => Promise<() => void>;
}

/** @throws ConnectError when the caller may not call at all; it is the answer */
export type Admit = (method: DescMethod, header: Headers, values: ContextValues | undefined) => Promise<BodyLimits>;

/** JSON is for people, and what is compressed is decoded without having been looked at: bytes, of which a thousand may become some tens of thousands. */
const unseen = 1024 * 1024;

const messages = /^application\/(grpc|grpc-web|connect)(\+proto)?$/i;
const message = /^application\/proto$/i;

/**
 * Looks at who calls before a byte of the body is kept, and at what a message would take in memory before it is decoded: two bytes of it can
 * become an object of hundreds (CA-0.6).
 */
export function admitBodies(handlers: UniversalHandler[], admit: Admit): void {
  for (const [index, handler] of handlers.entries()) {
    const admitted = (request: UniversalServerRequest) =>
      handler({ ...request, body: admittedBody(handler.method, request, admit) });
    handlers[index] = Object.assign(admitted, handler);
  }
}

async function* admittedBody(
  method: DescMethod,
  request: UniversalServerRequest,
  admit: Admit,
): AsyncGenerator<Uint8Array> {
  assertByteStreamRequest(request);
  const { body, header, signal, contextValues } = request;
  const { turn, ...limits } = await admit(method, header, contextValues);
  const end = await turn?.(signal);
  try {
    const type = header.get("content-type") ?? "";
    if (messages.test(type)) yield* boundedMessages(body, method.input, { ...limits, compressed: unseen });
    else if (message.test(type) && !header.has("content-encoding")) yield* boundedMessage(body, method.input, limits);
    else yield* boundedBytes(body, unseen);
  } finally {
    end?.();
  }
}

/** What a compressed message becomes has the same bound. */
export const compressions: Compression[] = [compressionGzip, compressionBrotli].map((compression) => ({
  ...compression,
  decompress: (bytes: Uint8Array, most: number) => compression.decompress(bytes, Math.min(most, unseen)),
}));
