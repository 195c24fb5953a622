import { execFile } from "node:child_process";
import { rm, writeFile } from "node:fs/promises";
import { promisify } from "node:util";

/** One of Node's own modules in a list of compiled ones. */
interface Entry {
  readonly name: string;
  readonly start: number;
  readonly end: number;
}

const WORD = 8;
const LONGEST_NAME = 100;
const NAME = /^[\w/.-]+$/;

/**
 * A start-up snapshot of Node ends with the compiled form of Node's own modules: how many, then each one's name and bytes, with their lengths before
 * them (`SnapshotData::ToBlob` in Node's `src/node_snapshotable.cc`). A process reads them all and keeps them. This leaves only those that
 * `isNeeded`; others are compiled when they are used. A snapshot that ends otherwise is returned as it is.
 */
export function trimCodeCache(snapshot: Buffer, isNeeded: (module: string) => boolean): Buffer {
  const list = findList(snapshot);
  if (list === undefined) return snapshot;
  const needed = list.entries.filter(({ name }) => isNeeded(name));
  const count = Buffer.alloc(WORD);
  count.writeUInt32LE(needed.length);
  const parts = needed.map(({ start, end }) => snapshot.subarray(start, end));
  return Buffer.concat([snapshot.subarray(0, list.start), count, ...parts]);
}

/** Names of the modules that `modules` load besides those of every process. `script`: where a file can be for a moment. */
export async function modulesLoadedBy(
  node: string,
  modules: Iterable<string>,
  script: string,
): Promise<ReadonlySet<string>> {
  // In a file: what is given on the command line has more modules from the beginning.
  await writeFile(
    script,
    `const always = new Set(process.moduleLoadList);
    for (const name of ${JSON.stringify([...modules])}) require(name);
    console.log(JSON.stringify(process.moduleLoadList.filter((name) => !always.has(name))));`,
  );
  try {
    const { stdout } = await promisify(execFile)(node, [script], { env: {} });
    return new Set((JSON.parse(stdout) as string[]).map((name) => name.replace("NativeModule ", "")));
  } finally {
    await rm(script);
  }
}

/** At the place from which as many entries follow as it says, and then nothing. */
function findList(snapshot: Buffer): { readonly start: number; readonly entries: readonly Entry[] } | undefined {
  for (let start = 0; start < snapshot.length; start += 1) {
    const count = wordAt(snapshot, start) ?? 0;
    const entries = count === 0 ? undefined : entriesFrom(snapshot, start + WORD);
    if (entries?.length === count) return { start, entries };
  }
  return undefined;
}

function entriesFrom(snapshot: Buffer, from: number): readonly Entry[] | undefined {
  const entries: Entry[] = [];
  for (let start = from; start < snapshot.length; ) {
    const length = wordAt(snapshot, start);
    if (length === undefined || length === 0 || length > LONGEST_NAME) return undefined;
    const afterName = start + WORD + length;
    const name = snapshot.toString("latin1", start + WORD, afterName);
    const size = NAME.test(name) ? wordAt(snapshot, afterName) : undefined;
    const end = afterName + WORD + (size ?? 0);
    if (size === undefined || end > snapshot.length) return undefined;
    entries.push({ name, start, end });
    start = end;
  }
  return entries;
}

/** A length or a number of things, all of which are below 2^32. */
function wordAt(snapshot: Buffer, at: number): number | undefined {
  if (at + WORD > snapshot.length || snapshot.readUInt32LE(at + WORD / 2) !== 0) return undefined;
  return snapshot.readUInt32LE(at);
}
