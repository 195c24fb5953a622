import type net from "node:net";
import type { HttpHandler } from "./http-routes.ts";

export type Protocol = "http1" | "http2";

/**
 * Open connections and which of them are busy. HTTP/2 sessions end by themselves when they are told to; an HTTP/1.1 connection
 * that is kept alive has to be ended as soon as it has nothing to answer.
 */
export class Connections {
  readonly #protocols = new Map<net.Socket, Protocol>();
  readonly #busy = new Map<net.Socket, number>();
  #draining = false;

  add(socket: net.Socket, protocol: Protocol): void {
    if (!this.#protocols.has(socket)) socket.once("close", () => this.#protocols.delete(socket));
    this.#protocols.set(socket, protocol);
  }

  counting(handler: HttpHandler): HttpHandler {
    return (request, response) => {
      const { socket } = request;
      if (request.httpVersionMajor === 1) {
        this.#busy.set(socket, (this.#busy.get(socket) ?? 0) + 1);
        response.once("close", () => {
          const left = (this.#busy.get(socket) ?? 1) - 1;
          if (left > 0) this.#busy.set(socket, left);
          else this.#busy.delete(socket);
          if (left === 0 && this.#draining) socket.end();
        });
      }
      handler(request, response);
    };
  }

  /** Ends what is idle; what is busy ends after its answer. */
  drain(): void {
    this.#draining = true;
    for (const [socket, protocol] of this.#protocols) {
      if (protocol === "http1" && !this.#busy.has(socket)) socket.destroy();
    }
  }

  destroy(): void {
    for (const socket of this.#protocols.keys()) socket.destroy();
  }
}
