import { setTimeout as pause } from "node:timers/promises";
import { ArchiveService } from "@blockvisor/wire/blockjoy/v1/archive";
import { AuthService } from "@blockvisor/wire/blockjoy/v1/auth";
import { CommandService } from "@blockvisor/wire/blockjoy/v1/command";
import { CryptService } from "@blockvisor/wire/blockjoy/v1/crypt";
import { DiscoveryService } from "@blockvisor/wire/blockjoy/v1/discovery";
import { HostService } from "@blockvisor/wire/blockjoy/v1/host";
import { ImageService } from "@blockvisor/wire/blockjoy/v1/image";
import { MetricsService } from "@blockvisor/wire/blockjoy/v1/metrics";
import { NodeService } from "@blockvisor/wire/blockjoy/v1/node";
import { ProtocolService } from "@blockvisor/wire/blockjoy/v1/protocol";
import { ArchiveStoreService } from "@blockvisor/wire/blockvisor/archive/v1/archive";
import { HostFactsService } from "@blockvisor/wire/blockvisor/hosts/v1/facts";
import type { DescService } from "@bufbuild/protobuf";
import { type Client, Code, ConnectError, createClient, type Interceptor, type Transport } from "@connectrpc/connect";
import { createGrpcTransport } from "@connectrpc/connect-node";
import { HostError } from "../errors/host-error.ts";
import type { TokenKeeper, TokenPair } from "./tokens.ts";

/** The control plane's services over one HTTP/2 connection (spec host-daemon §7.2, DB-7.13). */
export interface Api {
  readonly archives: Client<typeof ArchiveService>;
  readonly archiveStore: Client<typeof ArchiveStoreService>;
  readonly commands: Client<typeof CommandService>;
  readonly crypt: Client<typeof CryptService>;
  readonly discovery: Client<typeof DiscoveryService>;
  readonly hostFacts: Client<typeof HostFactsService>;
  readonly hosts: Client<typeof HostService>;
  readonly images: Client<typeof ImageService>;
  readonly metrics: Client<typeof MetricsService>;
  readonly nodes: Client<typeof NodeService>;
  readonly protocols: Client<typeof ProtocolService>;
}

const requestTimeoutMs = 30_000;

export function openApi(url: string, tokens: TokenKeeper): Api {
  const authorize: Interceptor = (next) => async (request) => {
    request.header.set("authorization", `Bearer ${await tokens.token()}`);
    try {
      return await next(request);
    } catch (error) {
      // A stream's messages cannot be sent twice; none of ours but archives stream, and those retry in babel.
      if (request.stream || !isExpired(error)) throw error;
      request.header.set("authorization", `Bearer ${await tokens.token(true)}`);
      return next(request);
    }
  };
  const transport = transportTo(url, [authorize]);
  const client = <S extends DescService>(service: S): Client<S> => createClient(service, transport);
  return {
    archives: client(ArchiveService),
    archiveStore: client(ArchiveStoreService),
    commands: client(CommandService),
    crypt: client(CryptService),
    discovery: client(DiscoveryService),
    hostFacts: client(HostFactsService),
    hosts: client(HostService),
    images: client(ImageService),
    metrics: client(MetricsService),
    nodes: client(NodeService),
    protocols: client(ProtocolService),
  };
}

/** A refresh needs no authorization of its own. */
export function refreshOver(url: string): (pair: TokenPair) => Promise<TokenPair> {
  const auth = createClient(AuthService, transportTo(url, []));
  return async (pair) => {
    const answer = await callApi(() => auth.refresh({ token: pair.token, refresh: pair.refresh_token }));
    return { token: answer.token, refresh_token: answer.refresh };
  };
}

function transportTo(url: string, interceptors: Interceptor[]): Transport {
  return createGrpcTransport({
    baseUrl: url,
    interceptors,
    defaultTimeoutMs: requestTimeoutMs,
    pingIntervalMs: 60_000,
    idleConnectionTimeoutMs: 10 * 60_000,
  });
}

const definite: ReadonlySet<Code> = new Set([
  Code.Unauthenticated,
  Code.InvalidArgument,
  Code.Unimplemented,
  Code.PermissionDenied,
  Code.NotFound,
  Code.AlreadyExists,
  Code.FailedPrecondition,
]);

/** One call, repeated after 1, 2 and 4 s where that can help (spec host-daemon §7.2). Rejects with HostError. */
export async function callApi<T>(send: () => Promise<T>, signal?: AbortSignal): Promise<T> {
  for (let attempt = 0; ; attempt += 1) {
    try {
      return await send();
    } catch (error) {
      const failure = ConnectError.from(error);
      if (definite.has(failure.code) || attempt >= 3 || signal?.aborted) throw apiError(failure);
      await pause(1000 * 2 ** attempt * (0.8 + Math.random() * 0.4), undefined, signal ? { signal } : {}).catch(() => {
        throw apiError(failure);
      });
    }
  }
}

export function apiError(failure: ConnectError): HostError {
  const message = `API: ${failure.rawMessage}`;
  switch (failure.code) {
    case Code.NotFound:
      return new HostError("not_found", message, { cause: failure });
    case Code.AlreadyExists:
      return new HostError("conflict", message, { cause: failure });
    case Code.FailedPrecondition:
      return new HostError("invalid", message, {
        hint: "`bv host info` and `bv node list` show what this machine has and what takes room on it",
        cause: failure,
      });
    case Code.InvalidArgument:
      return new HostError("invalid", message, { cause: failure });
    case Code.Unauthenticated:
    case Code.PermissionDenied:
      return new HostError("failed", message, { hint: "register the host again with `bvup TOKEN`", cause: failure });
    default:
      return new HostError("api_unreachable", message, {
        hint: "check the network and nodexeus_api_url in blockvisor.json",
        cause: failure,
      });
  }
}

function isExpired(error: unknown): boolean {
  const failure = ConnectError.from(error);
  return failure.code === Code.Unauthenticated && failure.rawMessage.includes("TOKEN_EXPIRED");
}
