import { listRootedDirectory, openRootedFile } from "../rootfs/index.ts";
import { tailOf } from "./tail-of.ts";

/** What a run of a job printed, in one piece, from its byte `offset` on. */
export interface JobOutput {
  readonly run: bigint;
  readonly offset: bigint;
  readonly content: Buffer;
}

const jobsDirectory = "/var/lib/babel/jobs";
const limits = { jobs: 256, segments: 4_096 } as const;
/** `<run>.<offset of its first byte>.log`, see babel's README. */
const segmentName = /^(\d{10})\.(\d{20})\.log$/;

/* Read from the root file system, without babel. There everything belongs to the container: nothing is followed, all is bounded. */

/** Names of the jobs that a node has, sorted. */
export async function jobsIn(rootfs: string): Promise<readonly string[]> {
  const entries = await entriesOf(rootfs, jobsDirectory, limits.jobs);
  return entries.flatMap(({ name, kind }) => (kind === "directory" && isJobName(name) ? [name] : []));
}

/** The last `maxBytes` of what a job printed, oldest first. */
export async function jobOutput(rootfs: string, job: string, maxBytes: number): Promise<readonly JobOutput[]> {
  if (!isJobName(job)) return [];
  const folder = `${jobsDirectory}/${job}/log`;
  const segments = (await entriesOf(rootfs, folder, limits.segments)).flatMap(({ name, kind }) => {
    const [, run = "", start = ""] = (kind === "file" && segmentName.exec(name)) || [];
    return run === "" ? [] : [{ name, run: BigInt(run), start: BigInt(start) }];
  });
  const pieces: JobOutput[] = [];
  let left = maxBytes;
  // Their names sort by age.
  for (const { name, run, start } of segments.toReversed()) {
    if (left <= 0) break;
    const file = await openRootedFile(rootfs, `${folder}/${name}`).catch(() => undefined);
    if (file === undefined) break;
    try {
      const { size, content } = await tailOf(file, left);
      left -= content.length;
      pieces.unshift(...joined({ run, offset: start + BigInt(size - content.length), content }, pieces.shift()));
    } finally {
      await file.close();
    }
  }
  return pieces;
}

function joined(piece: JobOutput, next: JobOutput | undefined): readonly JobOutput[] {
  if (next === undefined) return [piece];
  const length = Number(next.offset - piece.offset);
  // A line that was moving to the next segment when the node ended is in both.
  const goesOn = next.run === piece.run && length >= 0 && length <= piece.content.length;
  return goesOn
    ? [{ ...piece, content: Buffer.concat([piece.content.subarray(0, length), next.content]) }]
    : [piece, next];
}

const isJobName = (name: string): boolean => /^[\w.-]{1,200}$/.test(name) && !/^\.{1,2}$/.test(name);

const entriesOf = (rootfs: string, path: string, maxEntries: number) =>
  listRootedDirectory(rootfs, path, { maxEntries })
    .then((entries) => entries.toSorted((a, b) => (a.name < b.name ? -1 : 1)))
    .catch(() => []);
