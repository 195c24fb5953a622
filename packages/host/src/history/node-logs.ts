import { open } from "node:fs/promises";
import type { NodePaths } from "../place/paths.ts";
import { jobOutput, jobsIn } from "./job-output.ts";
import { tailOf } from "./tail-of.ts";

/** The end of one log of a node. */
export interface LogTail {
  /** E.g. `babel.log`, `jobs/web.log`. */
  readonly name: string;
  readonly content: Uint8Array;
}

/** The last `maxBytes` of everything that tells what a node did: container, babel, jobs. What is not there is left out. */
export async function* logTails(paths: NodePaths, maxBytes: number): AsyncGenerator<LogTail> {
  for (const [name, path] of [
    ["container.log", paths.containerLog],
    ["babel.log", paths.agentLog],
  ] as const) {
    const content = await logTail(path, maxBytes).catch(() => undefined);
    if (content !== undefined) yield { name, content };
  }
  yield* jobTails(paths.rootfs, maxBytes);
}

/** The end of a log that a node's processes write to, and may make as long as they like. Rejects when there is none. */
export async function logTail(path: string, maxBytes: number): Promise<Uint8Array> {
  const file = await open(path);
  try {
    return (await tailOf(file, maxBytes)).content;
  } finally {
    await file.close();
  }
}

async function* jobTails(rootfs: string, maxBytes: number): AsyncGenerator<LogTail> {
  for (const job of await jobsIn(rootfs)) {
    const output = await jobOutput(rootfs, job, maxBytes);
    const content = Buffer.concat(output.map((piece) => piece.content));
    if (output.length > 0) yield { name: `jobs/${job}.log`, content };
  }
}
