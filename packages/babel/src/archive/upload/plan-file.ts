import { open } from "node:fs/promises";
import { isMissing } from "../../errno.ts";
import { stageFile } from "../../files/durable.ts";
import { ChunkList } from "./chunk-list.ts";
import type { Blueprint } from "./replan.ts";
import { SourceFiles } from "./source-files.ts";
import { identityOf } from "./stamp.ts";

/** What an upload has decided; it resumes only with the same settings, and while the data is in the same use. (§2.6, §9.2) */
export type Plan = {
  /** Absent: the archive of the node's image. */
  readonly storeKey?: string;
  readonly dataVersion: number;
  /** Digest of what the job is told to do. */
  readonly settings: string;
  /** Of the lock of the protocol data. (D2-17) */
  readonly generation: string;
  /** Unix milliseconds; part of the manifest, which has to be the same each time it is published. */
  readonly createdAt: number;
  readonly blueprint: Blueprint;
};

const VERSION = 1;
const BATCH = 1000;
type Line =
  | (Omit<Plan, "blueprint"> & { readonly v: number })
  | readonly [path: string, size: number, stamp: string, mode: number]
  | { readonly ranges: readonly (readonly [file: number, position: number, size: number])[] }
  | { readonly end: number };

/** Lines of JSON, so that a million files need no memory: the decisions, a line per file, a line per chunk, how many they were. */
export async function savePlan(path: string, plan: Plan): Promise<void> {
  const staged = await stageFile(path, { mode: 0o600 });
  try {
    let batch: string[] = [];
    for (const line of linesOf(plan)) {
      batch.push(JSON.stringify(line), "\n");
      if (batch.length < BATCH) continue;
      await staged.handle.appendFile(batch.join(""));
      batch = [];
    }
    await staged.handle.appendFile(batch.join(""));
    await staged.commit();
  } catch (error) {
    await staged.discard();
    throw error;
  }
}

function* linesOf({ blueprint, ...decisions }: Plan): Generator<Line> {
  yield { v: VERSION, ...decisions };
  for (const { path, size, stamp, mode } of blueprint.files) yield [path, size, stamp, mode];
  for (let chunk = 0; chunk < blueprint.chunks.length; chunk += 1) {
    yield {
      ranges: [...blueprint.chunks.ranges(chunk)].map(({ file, position, size }) => [file, position, size] as const),
    };
  }
  yield { end: blueprint.files.length + blueprint.chunks.length };
}

/** Undefined if there is none, or none of use. */
export async function loadPlan(path: string): Promise<Plan | undefined> {
  try {
    const handle = await open(path, "r");
    const files = new SourceFiles();
    const chunks = new ChunkList();
    let decisions: Omit<Plan, "blueprint"> | undefined;
    let end: number | undefined;
    for await (const text of handle.readLines()) {
      const line = JSON.parse(text) as Line;
      if ("v" in line) {
        const { v, ...rest } = line;
        if (v !== VERSION) return undefined;
        decisions = rest;
      } else if ("ranges" in line) {
        for (const [file, position, size] of line.ranges) chunks.add({ file, position, size });
        chunks.endChunk();
      } else if ("end" in line) {
        end = line.end;
      } else {
        const [path, , stamp, mode] = line;
        files.add(path, identityOf(stamp), mode);
      }
    }
    if (decisions === undefined || end !== files.length + chunks.length) return undefined;
    return { ...decisions, blueprint: { files, chunks } };
  } catch (error) {
    if (isMissing(error) || error instanceof SyntaxError) return undefined;
    throw error;
  }
}
