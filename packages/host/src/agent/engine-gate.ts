import type { Http2ServerRequest } from "node:http2";
import { setTimeout as delay } from "node:timers/promises";
import { Code, ConnectError } from "@connectrpc/connect";
import { CallRate, type RateLimit } from "./call-rate.ts";

/** gRPC with binary messages, uncompressed: what babel speaks. */
const contentType = /^application\/grpc(\+proto)?$/i;

/** Calls of a node that may be under way, those that wait included: babel has one or two for each job and archive that it works on. */
const mostCalls = 64;

/** Who may ask the host, and when: of a call nothing but the headers is looked at before it is let in. (spec babel-agent T-27, §9.7) */
export class EngineGate {
  readonly #isAuthorized: (authorization: string | undefined) => boolean;
  readonly #unauthenticated: () => void;
  readonly #rate: CallRate;
  #told = false;
  #calls = 0;

  /** @param unauthenticated hears of the first who has no secret */
  constructor(
    isAuthorized: (authorization: string | undefined) => boolean,
    unauthenticated: () => void,
    limit: RateLimit,
  ) {
    this.#isAuthorized = isAuthorized;
    this.#unauthenticated = unauthenticated;
    this.#rate = new CallRate(limit);
  }

  /** Who has no secret gets no turn, so that nobody else in the container can use up babel's. @throws ConnectError unauthenticated */
  authorize({ headers }: Http2ServerRequest): void {
    if (this.#isAuthorized(headers.authorization)) return;
    if (!this.#told) this.#unauthenticated();
    this.#told = true;
    throw new ConnectError("the secret of this node's start is needed", Code.Unauthenticated);
  }

  /**
   * Resolves when it is the call's turn; it counts until its stream is closed.
   *
   * @throws ConnectError resource_exhausted: babel asks again; unimplemented
   */
  async admit({ headers, stream }: Http2ServerRequest, signal: AbortSignal): Promise<void> {
    if (!contentType.test(headers["content-type"] ?? "")) {
      throw new ConnectError("only gRPC with binary messages is spoken here", Code.Unimplemented);
    }
    if (this.#calls >= mostCalls) throw new ConnectError("this node asks too much at once", Code.ResourceExhausted);
    const wait = this.#rate.take();
    if (wait === undefined) throw new ConnectError("this node asks too often", Code.ResourceExhausted);
    this.#calls += 1;
    stream.once("close", () => {
      this.#calls -= 1;
    });
    if (wait > 0) await delay(wait, undefined, { signal });
  }
}
