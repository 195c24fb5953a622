import { createReadStream, type ReadStream } from "node:fs";
import { open, readdir } from "node:fs/promises";
import path from "node:path";
import { compareVersions, parseVersion } from "@blockvisor/image/version";

const bundleFile = "bvd-bundle.tgz";

/** The released host software: a folder with `<version>/bvd-bundle.tgz`, served by this process under /bundles/. */
export interface BundleSource {
  /** ascending */
  versions(): Promise<readonly string[]>;
  has(version: string): Promise<boolean>;
  pathOf(version: string): string;
  open(version: string): Promise<{ readonly size: number; readonly stream: ReadStream } | undefined>;
}

export function createBundleSource(directory: string | undefined): BundleSource {
  const fileOf = (version: string) => {
    // The version becomes part of a path: only a plain semantic version may.
    if (directory === undefined || parseVersion(version) === undefined) return undefined;
    return path.join(directory, version, bundleFile);
  };
  const openFile = async (version: string) => {
    const file = fileOf(version);
    const handle = file === undefined ? undefined : await open(file, "r").catch(() => undefined);
    if (handle === undefined || file === undefined) return undefined;
    try {
      const facts = await handle.stat();
      return facts.isFile() ? { file, size: facts.size } : undefined;
    } finally {
      await handle.close();
    }
  };
  return {
    async versions() {
      if (directory === undefined) return [];
      const names = await readdir(directory).catch(() => []);
      const present = await Promise.all(
        names.map(async (name) => ((await openFile(name)) === undefined ? [] : [name])),
      );
      return present.flat().sort(compareVersions);
    },
    has: async (version) => (await openFile(version)) !== undefined,
    pathOf: (version) => `/bundles/${version}/${bundleFile}`,
    async open(version) {
      const found = await openFile(version);
      return found === undefined ? undefined : { size: found.size, stream: createReadStream(found.file) };
    },
  };
}
