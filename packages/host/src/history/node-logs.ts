import { open } from "node:fs/promises";
import type { NodePaths } from "../place/paths.ts";
import { listRootedDirectory, openRootedFile } from "../rootfs/index.ts";

/** The end of one log of a node. */
export interface LogTail {
  /** E.g. `babel.log`, `jobs/web.log`. */
  readonly name: string;
  readonly content: Uint8Array;
}

const jobsDirectory = "/var/lib/babel/jobs";
const limits = { jobs: 256, segments: 4_096 } as const;

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
    return await tailOf(file, maxBytes);
  } finally {
    await file.close();
  }
}

/** Below the root file system everything belongs to the container: nothing is followed, all is bounded. */
async function* jobTails(rootfs: string, maxBytes: number): AsyncGenerator<LogTail> {
  const list = (path: string, maxEntries: number) => listRootedDirectory(rootfs, path, { maxEntries }).catch(() => []);
  for (const job of await list(jobsDirectory, limits.jobs)) {
    if (job.kind !== "directory" || !/^[\w.-]{1,200}$/.test(job.name)) continue;
    const folder = `${jobsDirectory}/${job.name}/log`;
    const segments = (await list(folder, limits.segments)).filter(
      ({ name, kind }) => kind === "file" && name.endsWith(".log"),
    );
    // Their names sort by age.
    const newestFirst: Uint8Array[] = [];
    let left = maxBytes;
    for (const { name } of segments.toReversed()) {
      if (left <= 0) break;
      const content = await rootedTail(rootfs, `${folder}/${name}`, left);
      left -= content.length;
      newestFirst.push(content);
    }
    if (newestFirst.length > 0) yield { name: `jobs/${job.name}.log`, content: Buffer.concat(newestFirst.reverse()) };
  }
}

async function rootedTail(rootfs: string, path: string, maxBytes: number): Promise<Uint8Array> {
  const file = await openRootedFile(rootfs, path).catch(() => undefined);
  if (file === undefined) return new Uint8Array();
  try {
    return await tailOf(file, maxBytes);
  } finally {
    await file.close();
  }
}

async function tailOf(file: Awaited<ReturnType<typeof open>>, maxBytes: number): Promise<Uint8Array> {
  const { size } = await file.stat();
  const length = Math.min(size, maxBytes);
  const { buffer, bytesRead } = await file.read(Buffer.alloc(length), 0, length, size - length);
  return buffer.subarray(0, bytesRead);
}
