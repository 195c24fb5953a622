import type { Http2Server, Http2Session } from "node:http2";

/** The connections of a server, so many at a time: for one too many, the oldest goes of those that were never let in, perhaps itself. */
export class BoundedSessions {
  readonly #strangers = new Set<Http2Session>();
  readonly #known = new Set<Http2Session>();

  constructor(server: Http2Server, most: number) {
    server.on("session", (session) => {
      this.#strangers.add(session);
      session.on("error", () => session.destroy());
      session.once("close", () => {
        this.#strangers.delete(session);
        this.#known.delete(session);
      });
      if (this.#strangers.size + this.#known.size <= most) return;
      const [oldest] = this.#strangers;
      oldest?.destroy();
    });
  }

  /** Somebody who may ask has asked on it. */
  letIn(session: Http2Session | undefined): void {
    if (session !== undefined && this.#strangers.delete(session)) this.#known.add(session);
  }

  destroy(): void {
    for (const session of [...this.#strangers, ...this.#known]) session.destroy();
  }
}
