import type { Interface } from "node:readline";
import type { Chunk } from "../format/chunk.ts";
import { chunkFromJson, headerFromJson } from "../format/manifest-json.ts";
import type { ArchiveSource, ArchiveVersion } from "../source.ts";
import { cancelled } from "../transfer/retry.ts";

type Answer = Readonly<Record<string, unknown>> & { readonly id: number };

/**
 * Asks the program that runs this one, with a JSON line on stdout, and takes the answer from stdin: it knows the archive, and how to get urls.
 * See README.md for the lines.
 */
export class ParentSource implements ArchiveSource {
  readonly name: string;
  readonly #say: (line: object) => void;
  readonly #waiting = new Map<number, { resolve(answer: Answer): void; reject(error: Error): void }>();
  #last = 0;
  #ended = false;

  constructor(name: string, lines: Interface, say: (line: object) => void, signal: AbortSignal) {
    this.name = name;
    this.#say = say;
    lines.on("line", (line) => this.#hear(line));
    const failAll = (error: Error): void => {
      this.#ended = true;
      for (const { reject } of this.#waiting.values()) reject(error);
      this.#waiting.clear();
    };
    lines.once("close", () => failAll(new Error("nobody answers on stdin any more")));
    signal.addEventListener("abort", () => failAll(cancelled()), { once: true });
  }

  async version(dataVersion?: number): Promise<ArchiveVersion | undefined> {
    const answer = await this.#ask({
      what: "version",
      ...(dataVersion === undefined ? {} : { data_version: dataVersion }),
    });
    if (answer["absent"] === true) return undefined;
    const { data_version, header, files_url } = answer;
    const filesUrl = typeof files_url === "string" ? { filesUrl: files_url } : {};
    return { dataVersion: Number(data_version), header: headerFromJson(header), ...filesUrl };
  }

  async chunks(dataVersion: number, indexes: readonly number[]): Promise<readonly Chunk[]> {
    const { chunks } = await this.#ask({ what: "chunks", data_version: dataVersion, indexes });
    if (!Array.isArray(chunks)) throw new Error("an answer without chunks");
    return chunks.map((chunk, position) => chunkFromJson(chunk, indexes[position] ?? position));
  }

  #ask(question: object): Promise<Answer> {
    if (this.#ended) throw new Error("nobody answers on stdin any more");
    this.#last += 1;
    const id = this.#last;
    return new Promise((resolve, reject) => {
      this.#waiting.set(id, { resolve, reject });
      this.#say({ event: "ask", id, ...question });
    });
  }

  #hear(line: string): void {
    let answer: Answer;
    try {
      answer = JSON.parse(line) as Answer;
    } catch {
      return;
    }
    const waiting = this.#waiting.get(answer.id);
    if (waiting === undefined) return;
    this.#waiting.delete(answer.id);
    if (typeof answer["error"] === "string") waiting.reject(new Error(answer["error"]));
    else waiting.resolve(answer);
  }
}
