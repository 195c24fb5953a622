import { setTimeout as delay } from "node:timers/promises";
import { ApiKeyService } from "@blockvisor/wire/blockjoy/v1/api_key";
import { AuthService } from "@blockvisor/wire/blockjoy/v1/auth";
import { HostService } from "@blockvisor/wire/blockjoy/v1/host";
import { ImageService } from "@blockvisor/wire/blockjoy/v1/image";
import { ProtocolService } from "@blockvisor/wire/blockjoy/v1/protocol";
import type { DescService } from "@bufbuild/protobuf";
import { type Client, Code, ConnectError, createClient, type Interceptor, type Transport } from "@connectrpc/connect";
import { createGrpcTransport, Http2SessionManager } from "@connectrpc/connect-node";
import { Failure } from "../failure/failure.ts";
import type { Output } from "../output/output.ts";

const requestTimeoutMs = 30_000;
/** Between one try and the next (nib-and-images §1.6). */
const retryDelaysMs = [1000, 2000, 4000] as const;

const neverRetried: ReadonlySet<Code> = new Set([
  Code.Unauthenticated,
  Code.InvalidArgument,
  Code.Unimplemented,
  Code.PermissionDenied,
  Code.NotFound,
  Code.AlreadyExists,
  Code.FailedPrecondition,
  Code.Canceled,
]);

/** The control plane's services, for one user or key. */
export class Api implements Disposable {
  readonly url: string;
  readonly auth: Client<typeof AuthService>;
  readonly apiKeys: Client<typeof ApiKeyService>;
  readonly hosts: Client<typeof HostService>;
  readonly images: Client<typeof ImageService>;
  readonly protocols: Client<typeof ProtocolService>;
  readonly #out: Output;
  readonly #sessions: Http2SessionManager;
  readonly #transport: Transport;

  constructor(out: Output, url: string, token?: string) {
    this.url = url;
    this.#out = out;
    this.#sessions = new Http2SessionManager(url, { pingIntervalMs: 10_000 });
    const transport: Transport = createGrpcTransport({
      baseUrl: url,
      sessionManager: this.#sessions,
      defaultTimeoutMs: requestTimeoutMs,
      interceptors: token === undefined ? [] : [bearer(token)],
    });
    this.#transport = transport;
    this.auth = createClient(AuthService, transport);
    this.apiKeys = createClient(ApiKeyService, transport);
    this.hosts = createClient(HostService, transport);
    this.images = createClient(ImageService, transport);
    this.protocols = createClient(ProtocolService, transport);
  }

  /** A service that only few commands need, so that the others do not load it. */
  client<S extends DescService>(service: S): Client<S> {
    return createClient(service, this.#transport);
  }

  /** Calls once more when that may help. `name` is what is told of it. */
  async call<T>(name: string, request: () => Promise<T>): Promise<T> {
    for (const waitMs of retryDelaysMs) {
      try {
        return await this.once(name, request);
      } catch (error) {
        if (!(error instanceof ApiFailure) || neverRetried.has(error.code)) throw error;
        this.#out.note(1, `${name} failed (${error.message}), trying again in ${waitMs / 1000} s`);
        await delay(waitMs);
      }
    }
    return this.once(name, request);
  }

  /** For calls that make something: after an unclear end a second one could make it twice. */
  async once<T>(name: string, request: () => Promise<T>): Promise<T> {
    const started = performance.now();
    try {
      return await request();
    } catch (error) {
      throw new ApiFailure(ConnectError.from(error), name, this.url);
    } finally {
      this.#out.note(2, `${name}: ${(performance.now() - started).toFixed(0)} ms`);
    }
  }

  /** The answer, or undefined when there is no such thing. */
  async find<T>(name: string, request: () => Promise<T>): Promise<T | undefined> {
    try {
      return await this.call(name, request);
    } catch (error) {
      if (error instanceof ApiFailure && error.code === Code.NotFound) return undefined;
      throw error;
    }
  }

  [Symbol.dispose](): void {
    this.#sessions.abort();
  }
}

/** What the API answered, in words that say what to do. */
export class ApiFailure extends Failure {
  readonly code: Code;

  constructor(error: ConnectError, call: string, url: string) {
    const said = error.rawMessage;
    switch (error.code) {
      case Code.Unauthenticated:
        super("not-logged-in", `the API does not accept the login: ${said}`, {
          hint: "log in again: `nib login USER_ID`",
        });
        break;
      case Code.PermissionDenied:
        super("permission-denied", `the API does not allow ${call}: ${said}`, {
          hint: "`nib whoami` shows your permissions; ask an administrator for what is missing",
        });
        break;
      case Code.NotFound:
        super("api-not-found", said);
        break;
      case Code.AlreadyExists:
        super("api-conflict", said);
        break;
      case Code.Unimplemented:
        super("api-refused", `the API at ${url} has no ${call}`, {
          causes: [said],
          hint: "it is of an older version, or of another make; its operators know",
        });
        break;
      case Code.Unavailable:
      case Code.DeadlineExceeded:
      case Code.Canceled:
        super("api-unreachable", `the API at ${url} does not answer`, {
          causes: [said],
          hint: "check the address and the network; --api or NIB_API_URL name another one",
        });
        break;
      default:
        super("api-refused", `${call} was refused: ${said}`, { data: { grpc_code: Code[error.code] } });
    }
    this.code = error.code;
  }
}

function bearer(token: string): Interceptor {
  return (next) => (request) => {
    request.header.set("authorization", `Bearer ${token}`);
    return next(request);
  };
}
