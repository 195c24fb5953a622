import { type ChildProcess, spawn } from "node:child_process";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { chunkToJson, headerToJson } from "../format/manifest-json.ts";
import type { ArchiveSource } from "../source.ts";

export type ToolEvent = Readonly<Record<string, unknown>> & { readonly event: string };

/** `babel archive-tool` as a process, whose questions are answered from a source. */
export class ToolProcess {
  readonly child: ChildProcess;
  readonly events: ToolEvent[] = [];
  /** Exit status, or null if a signal ended it. */
  readonly ended: Promise<number | null>;

  /** @param bundle folder of the built agent @param listen is told about every event as it comes */
  constructor(
    bundle: string,
    args: readonly string[],
    source: ArchiveSource,
    listen: (event: ToolEvent) => void = () => undefined,
    command: readonly string[] = [process.execPath, join(bundle, "babel.mjs")],
    env: NodeJS.ProcessEnv = process.env,
  ) {
    const child = spawn(command[0]!, [...command.slice(1), "archive-tool", ...args], {
      stdio: ["pipe", "pipe", "inherit"],
      env,
    });
    this.child = child;
    // It may be killed while it is answered.
    child.stdin.on("error", () => undefined);
    const read = this.#read(child, source, listen);
    this.ended = new Promise((resolve) => {
      child.once("close", (code) => void read.then(() => resolve(code)));
    });
  }

  get result(): ToolEvent | undefined {
    return this.events.find(({ event }) => event === "result");
  }

  async #read(child: ChildProcess, source: ArchiveSource, listen: (event: ToolEvent) => void): Promise<void> {
    for await (const line of createInterface({ input: child.stdout! })) {
      const event = parse(line);
      if (event === undefined) continue; // cut off by a kill
      this.events.push(event);
      listen(event);
      if (event.event === "ask") child.stdin!.write(`${JSON.stringify(await answer(event, source))}\n`);
    }
  }
}

function parse(line: string): ToolEvent | undefined {
  try {
    return JSON.parse(line) as ToolEvent;
  } catch {
    return undefined;
  }
}

async function answer({ id, what, data_version, indexes }: ToolEvent, source: ArchiveSource): Promise<object> {
  if (what === "version") {
    const version = await source.version(data_version as number | undefined);
    if (version === undefined) return { id, absent: true };
    return { id, data_version: version.dataVersion, header: headerToJson(version.header), files_url: version.filesUrl };
  }
  const chunks = await source.chunks(data_version as number, indexes as readonly number[]);
  return { id, chunks: chunks.map((chunk) => ({ ...chunkToJson(chunk), url: chunk.url ?? null })) };
}
