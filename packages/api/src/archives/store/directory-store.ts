import { lstat, opendir } from "node:fs/promises";
import path from "node:path";
import type { DirectoryFiles } from "./directory-files.ts";
import { keySegments } from "./object-key.ts";
import type { ObjectFacts, ObjectStore } from "./object-store.ts";
import type { PathSigner } from "./signed-path.ts";
import { storeUnavailable } from "./store-unavailable.ts";

/** A file system takes larger objects than anybody should make in one piece. */
const largestObject = 64 * 1024 ** 3;

/** Objects in a directory of this machine; this process serves their urls (`object-routes.ts`). */
export function createDirectoryStore(files: DirectoryFiles, signer: PathSigner): ObjectStore {
  const write = async (key: string, body: Uint8Array, exclusive: boolean) => {
    keySegments(key);
    const draft = await files.begin().catch(brokenDisk);
    try {
      await draft.handle.writeFile(body);
      return await draft.commit(key, exclusive);
    } catch (error) {
      return brokenDisk(error);
    } finally {
      await draft.discard();
    }
  };
  return {
    kind: "directory",
    maxObjectBytes: largestObject,
    async get(key, maxBytes) {
      const handle = await files.open(key);
      if (handle === undefined) return undefined;
      try {
        const { size } = await handle.stat();
        if (size > maxBytes) throw new RangeError(`${key} has ${size} bytes, more than ${maxBytes}`);
        return await handle.readFile();
      } finally {
        await handle.close();
      }
    },
    put: async (key, body) => void (await write(key, body, false)),
    create: (key, body) => write(key, body, true),
    async head(key) {
      const handle = await files.open(key);
      if (handle === undefined) return undefined;
      try {
        const { size, mtime } = await handle.stat();
        return { key, size, modified: mtime };
      } finally {
        await handle.close();
      }
    },
    list: (prefix) => walk(files.objects, prefix),
    async folders(prefix) {
      const names: string[] = [];
      const folder = await opendir(path.join(files.objects, prefix)).catch(() => undefined);
      if (folder !== undefined) for await (const entry of folder) if (entry.isDirectory()) names.push(entry.name);
      return names.sort();
    },
    delete: (key) => files.remove(key),
    signGet: async (key, { seconds, origin }) =>
      origin + signer.sign({ method: "GET", key, expires: inSeconds(seconds) }),
    signPut: async (key, { seconds, origin, size, sha256 }) => ({
      url:
        origin +
        signer.sign({
          method: "PUT",
          key,
          expires: inSeconds(seconds),
          size,
          sha256: sha256 === undefined ? undefined : Buffer.from(sha256).toString("hex"),
        }),
      headers: {},
    }),
  };
}

const diskCodes = new Set(["ENOSPC", "EDQUOT", "EIO", "EROFS"]);

/** A disk that is full or broken now may not be for ever: callers try again. */
function brokenDisk(error: unknown): never {
  throw diskCodes.has((error as NodeJS.ErrnoException).code ?? "") ? storeUnavailable() : error;
}

const inSeconds = (seconds: number) => Math.floor(Date.now() / 1000) + seconds;

/** All objects below the folder that the prefix names, filtered by what is left of the prefix. */
async function* walk(objects: string, prefix: string): AsyncIterable<ObjectFacts> {
  const start = prefix.slice(0, prefix.lastIndexOf("/") + 1);
  const open: string[] = [start];
  for (let folder = open.pop(); folder !== undefined; folder = open.pop()) {
    const entries = await opendir(path.join(objects, folder)).catch(() => undefined);
    if (entries === undefined) continue;
    for await (const entry of entries) {
      const key = folder + entry.name;
      if (entry.isDirectory()) open.push(`${key}/`);
      else if (entry.isFile() && key.startsWith(prefix)) {
        const facts = await lstat(path.join(objects, key)).catch(() => undefined);
        if (facts !== undefined) yield { key, size: facts.size, modified: facts.mtime };
      }
    }
  }
}
