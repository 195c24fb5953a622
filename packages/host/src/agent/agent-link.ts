import { setTimeout as pause } from "node:timers/promises";
import { boundedAnswers, type MessageLimits } from "@blockvisor/rpc";
import { Babel, BabelJobs } from "@blockvisor/wire/blockvisor/babel/v1/babel";
import type { DescMethod, DescService } from "@bufbuild/protobuf";
import { type CallOptions, type Client, createClient, type Interceptor } from "@connectrpc/connect";
import { validateReadWriteMaxBytes } from "@connectrpc/connect/protocol";
import { createTransport } from "@connectrpc/connect/protocol-grpc";
import { createNodeHttpClient } from "@connectrpc/connect-node";
import { agentUrl, createAgentConnection } from "./agent-connection.ts";
import { AgentError, agentErrorOf } from "./agent-error.ts";

export interface AgentCall {
  /** Default 15 s (spec babel-agent §1.15). */
  readonly timeoutMs?: number;
  readonly signal?: AbortSignal;
  /**
   * Repeat when babel does not answer: after 0.6, 1.2 and 2.4 s, ±20 % (spec §1.18, D1-10). What must not happen twice is repeated only
   * if it is `undelivered`.
   */
  readonly retry?: boolean | "undelivered";
}

/** The host's line to the babel of one node. Connects when used, again after babel came back; knows nothing about whether it should run. */
export interface AgentLink {
  readonly babel: Client<typeof Babel>;
  readonly jobs: Client<typeof BabelJobs>;
  /** One call with deadline, retry and our errors; `operation` is named in them. Rejects with AgentError. */
  call<T>(operation: string, send: (options: CallOptions) => Promise<T>, call?: AgentCall): Promise<T>;
  /** Whether babel answers on the connection that there is; false also without one (`agent-connection.ts`). */
  isAnswering(timeoutMs: number): Promise<boolean>;
}

const mebi = 1024 * 1024;

/** Outputs of scripts, bodies of HTTP. What is no UTF-8 in them has become three times as long. */
const texts: MessageLimits = { sent: 80 * mebi, decoded: 192 * mebi };
/** At most 64 jobs (spec babel-agent §1.5), with scripts and messages. */
const lists: MessageLimits = { sent: 8 * mebi, decoded: 32 * mebi };
/** 256 KiB of a log may be as many lines, each an object with its position and time. */
const logs: MessageLimits = { sent: 8 * mebi, decoded: 256 * mebi };

/** `secret` is read at each call: it changes with every start of the node. */
export function openAgentLink(runDirectory: string, secret: () => string | undefined): AgentLink {
  const authorize: Interceptor = (next) => (request) => {
    const value = secret();
    if (value !== undefined) request.header.set("authorization", `Bearer ${value}`);
    return next(request);
  };
  const connection = createAgentConnection(runDirectory);
  const client = createNodeHttpClient({ httpVersion: "2", sessionProvider: () => connection });
  const transport = (service: DescService, limitsOf: (method: DescMethod) => MessageLimits) =>
    createTransport({
      httpClient: boundedAnswers(client, service, limitsOf),
      baseUrl: agentUrl,
      interceptors: [authorize],
      useBinaryFormat: true,
      binaryOptions: { readUnknownFields: false },
      // What is compressed has a size that nobody knows.
      acceptCompression: [],
      sendCompression: null,
      ...validateReadWriteMaxBytes(undefined, undefined, undefined),
    });
  const logMethod: DescMethod = BabelJobs.method.readJobLogs;
  return {
    babel: createClient(
      Babel,
      transport(Babel, () => texts),
    ),
    jobs: createClient(
      BabelJobs,
      transport(BabelJobs, (method) => (method === logMethod ? logs : lists)),
    ),
    call: withRetries,
    isAnswering: connection.isAnswering,
  };
}

async function withRetries<T>(
  operation: string,
  send: (options: CallOptions) => Promise<T>,
  { timeoutMs = 15_000, signal, retry = false }: AgentCall = {},
): Promise<T> {
  let first: AgentError | undefined;
  for (let attempt = 0; ; attempt += 1) {
    try {
      // gRPC knows no fractions of a millisecond.
      return await send({ timeoutMs: Math.ceil(timeoutMs), ...(signal ? { signal } : {}) });
    } catch (error) {
      const failure = error instanceof AgentError ? error : agentErrorOf(error, operation, signal);
      // The calls of a babel that is killed end as if somebody had cancelled them.
      const lost = failure.unreachable || failure.code === "cancelled";
      if (!lost || signal?.aborted || !(retry === "undelivered" ? failure.undelivered : retry)) throw failure;
      // What went wrong at first says more than that it is no better.
      first ??= failure;
      if (attempt >= 3) throw first;
      const wait = 600 * 2 ** attempt * (0.8 + Math.random() * 0.4);
      await pause(wait, undefined, { ref: true, ...(signal ? { signal } : {}) }).catch(() => {
        throw failure;
      });
    }
  }
}
