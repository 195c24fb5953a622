import { connect as connectPlain, type Socket } from "node:net";
import { connect as connectTls } from "node:tls";

const BUFFER = 256 * 1024;

/**
 * A connection whose bytes are all read into one buffer: no allocation per piece. (`node:http` takes twenty times the processor time for receiving,
 * measured: 0.5 s for 0.7 GB, and leaves 30 MiB of buffers to be collected in each thread.)
 */
export class Connection {
  /** Scheme, host and port. */
  readonly origin: string;
  readonly #socket: Socket;
  #piece: Buffer | undefined;
  #ended = false;
  #failure: Error | undefined;
  #wake: () => void = () => undefined;

  constructor(url: URL) {
    this.origin = url.origin;
    const secure = url.protocol === "https:";
    const host = url.hostname.replace(/^\[|\]$/g, "");
    const buffer = Buffer.allocUnsafeSlow(BUFFER);
    const callback = (bytes: number): boolean => {
      this.#piece = buffer.subarray(0, bytes);
      this.#wake();
      return false; // reads on when the piece is dealt with
    };
    const options = { host, port: Number(url.port || (secure ? 443 : 80)), onread: { buffer, callback } };
    this.#socket = secure
      ? connectTls({ ...options, ALPNProtocols: ["http/1.1"], ...(isAddress(host) ? {} : { servername: host }) })
      : connectPlain(options);
    this.#socket.setNoDelay();
    this.#socket.on("error", (error) => {
      this.#failure = error;
      this.#wake();
    });
    for (const event of ["end", "close"] as const) {
      this.#socket.on(event, () => {
        this.#ended = true;
        this.#wake();
      });
    }
  }

  /** Nothing came that was not asked for, and the other side is still there. */
  get usable(): boolean {
    return !this.#ended && this.#failure === undefined && this.#piece === undefined && !this.#socket.destroyed;
  }

  send(text: string): void {
    this.#socket.write(text, "latin1");
  }

  /** What came; it is overwritten by the next read. @returns undefined at the end */
  async read(): Promise<Buffer | undefined> {
    for (;;) {
      const piece = this.#piece;
      if (piece !== undefined) {
        this.#piece = undefined;
        return piece;
      }
      if (this.#failure !== undefined) throw this.#failure;
      if (this.#ended) return undefined;
      const woken = new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
      this.#socket.resume();
      await woken;
    }
  }

  /** Whoever waits for bytes is told. */
  destroy(): void {
    this.#socket.destroy();
    this.#ended = true;
    this.#wake();
  }
}

const isAddress = (host: string): boolean => host.includes(":") || /^[\d.]+$/.test(host);
