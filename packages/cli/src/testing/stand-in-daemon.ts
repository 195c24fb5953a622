import { once } from "node:events";
import { mkdirSync } from "node:fs";
import { createServer } from "node:http";
import { join } from "node:path";
import { TemporaryDirectory } from "./cli-process.ts";

export interface Request {
  readonly method: string;
  readonly message: Readonly<Record<string, unknown>>;
}

/** Where a program finds its daemon, something that answers as a test wants, and remembers what it was asked. */
export class StandInDaemon implements AsyncDisposable {
  readonly requests: Request[] = [];
  readonly env: Readonly<Record<string, string>>;
  readonly #root = new TemporaryDirectory();
  readonly #server;

  private constructor(answer: (request: Request) => object) {
    this.env = { BV_ROOT: this.#root.path };
    this.#server = createServer(async (incoming, outgoing) => {
      const chunks: Buffer[] = [];
      for await (const chunk of incoming) chunks.push(chunk);
      const method = incoming.url?.split("/").at(-1) ?? "";
      const request = { method, message: JSON.parse(Buffer.concat(chunks).toString()) };
      this.requests.push(request);
      outgoing.setHeader("content-type", "application/json").end(JSON.stringify(answer(request)));
    });
  }

  static async start(answer: (request: Request) => object): Promise<StandInDaemon> {
    const daemon = new StandInDaemon(answer);
    const folder = join(daemon.#root.path, "run/blockvisor");
    mkdirSync(folder, { recursive: true });
    daemon.#server.listen(join(folder, "blockvisord.sock"));
    await once(daemon.#server, "listening");
    return daemon;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#server.close();
    this.#server.closeAllConnections();
    this.#root[Symbol.dispose]();
  }
}
