import { createHash } from "node:crypto";
import { constants } from "node:fs";
import { chmod, copyFile, link, mkdir, readdir, readFile, rename, rm, stat } from "node:fs/promises";
import { createRequire } from "node:module";
import { basename, dirname, join, relative, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";
import { replaceFile } from "../files/durable.ts";
import { loaderAndLibraries, staticTool } from "./host-files.ts";
import { pruneBuilds } from "./prune.ts";
import { buildSnapshot } from "./snapshot.ts";
import { whenUsed } from "./when-used.ts";

/** What a host needs to know about the agent directory; `{dir}` is where the node sees it. */
export type AgentDescription = {
  /** Of the package, with the build: another build is another version. */
  readonly version: string;
  readonly nodeVersion: string;
  readonly arch: string;
  readonly command: readonly string[];
  /** Program of an archive job; babel's own business. */
  readonly archive: readonly string[];
  /** The container's first process; it starts babel. */
  readonly init: readonly string[];
  /** Beginning of the command line of a shell for people: the image's own, else ours. */
  readonly shell: readonly string[];
  readonly files: readonly FileDescription[];
};

/** Below the agent directory; sizes in bytes. */
type FileDescription = {
  readonly path: string;
  readonly sha256: string;
  readonly size: number;
  readonly mode: number;
};

const here = dirname(fileURLToPath(import.meta.url));
const PACKAGE = join(here, "../..");
const REPOSITORY = join(PACKAGE, "../..");

/**
 * Babel idles most of its life, in every node: it does without the optimising compilers, whose code and threads are a fifth of its
 * memory. Sizes in MiB. Its hash tables stay as the snapshot has them, which is a tenth of its start: whoever makes their keys collide slows down the
 * babel of his own node.
 */
const SMALL = [
  ...["--max-semi-space-size=1", "--max-old-space-size=192", "--optimize-for-size"],
  ...["--no-opt", "--no-maglev", "--v8-pool-size=1", "--no-rehash-snapshot"],
];

/**
 * An archive job, a process of its own, has work to do, but what it drops it gives back soon: an archive may have millions of files, and its threads what they
 * freed each in a place of its own.
 */
const TIDY = { heap: ["--max-semi-space-size=2", "--heap-growing-percent=10"], malloc: "MALLOC_ARENA_MAX=2" };

/** An `import` of these loads all that they re-export, a WebSocket client among it: 50 ms and 10 MiB, to which `require` does not come. */
const REEXPORTING: ReadonlySet<string> = new Set(["http", "https"]);

const SNAPSHOT = "babel.blob";

/** In pages of 2 MiB the snapshot is read into memory in a quarter of the time. */
const LARGE_PAGES = "GLIBC_TUNABLES=glibc.malloc.hugetlb=1";

/**
 * Adds a build to the agent directory, in a folder of its own, and makes it the current one in `agent.json`. The directory itself
 * stays: nodes that have it mounted go on with the build they use, and find the new one when their babel is started again.
 *
 * @param version the package's own by default
 */
export async function buildAgent(target = join(REPOSITORY, "dist/agent"), version?: string): Promise<AgentDescription> {
  const staged = resolve(target, `.${process.pid}.tmp`);
  await rm(staged, { recursive: true, force: true });
  await mkdir(join(staged, "lib"), { recursive: true });
  try {
    const nodeVersion = await fill(staged);
    const snapshot = await buildSnapshot(join(staged, "node"), SMALL, join(staged, SNAPSHOT));
    const files = await filesBelow(staged);
    const own = JSON.parse(await readFile(join(PACKAGE, "package.json"), "utf8")) as { readonly version: string };
    const stable = [...files.filter(({ path }) => path !== SNAPSHOT), snapshot];
    const digest = createHash("sha256").update(JSON.stringify(stable)).digest("hex").slice(0, 12);
    const description = describe(`${version ?? own.version}+${digest}`, nodeVersion, files);
    await replaceFile(join(staged, "agent.json"), `${JSON.stringify(description, undefined, 2)}\n`);
    // The same build may be there, and in use: then it is as good as this one.
    const home = join(target, description.version);
    await rename(staged, home).catch(() => undefined);
    const text = await readFile(join(home, "agent.json"), "utf8");
    await replaceFile(join(target, "agent.json"), text);
    await pruneBuilds(target, description.version);
    return JSON.parse(text) as AgentDescription;
  } finally {
    await rm(staged, { recursive: true, force: true });
  }
}

async function fill(staged: string): Promise<string> {
  const node = pinnedNode();
  const { loader, libraries } = await loaderAndLibraries(node);
  await place(node, join(staged, "node"));
  await place(loader, join(staged, "ld.so"));
  for (const library of libraries) await place(library.path, join(staged, "lib", library.name));
  const busybox = await staticTool("busybox", ["/bin/busybox", "/usr/bin/busybox"], "busybox-static");
  await place(busybox, join(staged, "busybox"));
  // Under this name busybox is a shell, for images that have none.
  await place(busybox, join(staged, "sh"));
  await place(
    await staticTool("tini-static", ["/usr/bin/tini-static", "/sbin/tini-static"], "tini"),
    join(staged, "tini"),
  );
  // Copies: an edit of a source must not reach nodes that run.
  for (const script of ["../jobs/shim.sh", "../jobs/payload.sh", "../setup/helper.sh", "launch.sh", "init.sh"]) {
    await copyFile(join(here, script), join(staged, basename(script)));
  }
  await build({
    entryPoints: {
      babel: join(here, "../main.ts"),
      "chunk-thread": join(here, "../archive/download/chunk-thread.ts"),
      "prepare-thread": join(here, "../archive/upload/prepare-thread.ts"),
    },
    outdir: staged,
    outExtension: { ".js": ".mjs" },
    bundle: true,
    splitting: true,
    minify: true,
    format: "esm",
    platform: "node",
    target: "node24",
    chunkNames: "chunk-[hash]",
    logLevel: "warning",
    plugins: [whenUsed(REEXPORTING)],
    inject: [join(here, "headers.ts")],
    // CommonJS dependencies ask for node's modules with `require`.
    banner: { js: 'import{createRequire as __cr}from"node:module";const require=__cr(import.meta.url);' },
  });
  const { version } = JSON.parse(await readFile(join(dirname(node), "../package.json"), "utf8")) as { version: string };
  return version;
}

function pinnedNode(): string {
  const name = `node-linux-${process.arch}`;
  return join(dirname(createRequire(import.meta.url).resolve(`${name}/package.json`)), "bin/node");
}

/** A hard link where possible, else a reflink, else a copy. */
async function place(from: string, to: string): Promise<void> {
  try {
    await link(from, to);
  } catch {
    await copyFile(from, to, constants.COPYFILE_FICLONE);
    await chmod(to, (await stat(from)).mode & 0o777);
  }
}

/** Files of a build, with paths relative to it. */
async function filesBelow(staged: string): Promise<readonly FileDescription[]> {
  const paths = (await readdir(staged, { recursive: true, withFileTypes: true }))
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name))
    .sort();
  return Promise.all(
    paths.map(async (path) => {
      const { size, mode } = await stat(path);
      const sha256 = createHash("sha256")
        .update(await readFile(path))
        .digest("hex");
      return { path: relative(staged, path), sha256, size, mode: mode & 0o777 };
    }),
  );
}

function describe(version: string, nodeVersion: string, files: readonly FileDescription[]): AgentDescription {
  const home = `{dir}/${version}`;
  // Node is started through its own loader, with its own libraries.
  const busybox = `${home}/busybox`;
  const launch = `${home}/launch.sh`;
  const node = [`${home}/ld.so`, "--library-path", `${home}/lib`, `${home}/node`];
  const serve = [LARGE_PAGES, ...node, ...SMALL, "--snapshot-blob", `${home}/${SNAPSHOT}`, `${home}/babel.mjs`];
  return {
    version,
    nodeVersion,
    arch: process.arch,
    command: [busybox, "sh", launch, ...serve],
    archive: [busybox, "sh", launch, TIDY.malloc, ...node, ...TIDY.heap, `${home}/babel.mjs`, "archive"],
    init: [`${home}/tini`, "-s", "--", busybox, "sh", `${home}/init.sh`, busybox, launch, ...serve],
    shell: [`${home}/sh`, "-c", '[ -x /bin/sh ] && exec /bin/sh "$@"; exec "$0" "$@"', `${home}/sh`],
    files: files.map((file) => ({ ...file, path: `${version}/${file.path}` })),
  };
}
