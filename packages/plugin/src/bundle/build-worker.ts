import { execFile } from "node:child_process";
import { createHash } from "node:crypto";
import { constants, copyFile, link, mkdir, readdir, rename, rm, stat, writeFile } from "node:fs/promises";
import { join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { build } from "esbuild";
import { WORKER_OPTIONS } from "../worker/worker-command.ts";

/** A host that runs starts workers of the build that it found at its start. */
const KEEP_MS = 24 * 60 * 60 * 1000;

const SNAPSHOT = "worker.blob";

/**
 * Adds a build to `target`, in a folder of its own with all that a worker ever opens (Node, its loader and libraries, the snapshot), and makes it
 * the current one in `worker.json`. Node comes from `runtime`, the folder of an agent build: hard links where possible.
 */
export async function buildWorker(runtime: string, target: string): Promise<void> {
  const staged = resolve(target, `.${process.pid}.tmp`);
  await rm(staged, { recursive: true, force: true });
  await mkdir(join(staged, "lib"), { recursive: true });
  try {
    const libraries = (await readdir(join(runtime, "lib"))).map((name) => join("lib", name));
    for (const file of ["node", "ld.so", ...libraries]) await place(join(runtime, file), join(staged, file));
    const node = ["{dir}/ld.so", "--library-path", "{dir}/lib", "{dir}/node", ...WORKER_OPTIONS, "--permission"];
    const command = [...node, "--snapshot-blob", `{dir}/${SNAPSHOT}`];
    const script = await snapshotScript();
    const digest = createHash("sha256").update(JSON.stringify(command)).update(script);
    const version = digest
      .update(await nodeVersion(staged))
      .digest("hex")
      .slice(0, 16);
    await writeSnapshot(staged, script);
    await writeFile(join(staged, "worker.json"), `${JSON.stringify({ version, command }, undefined, 2)}\n`);
    // The same build may be there, and in use: then it is as good as this one.
    await rename(staged, join(target, version)).catch(() => undefined);
    await copyFile(join(target, version, "worker.json"), join(target, `.${process.pid}.json`));
    await rename(join(target, `.${process.pid}.json`), join(target, "worker.json"));
    await removeOld(target, version);
  } finally {
    await rm(staged, { recursive: true, force: true });
  }
}

async function place(from: string, to: string): Promise<void> {
  await link(from, to).catch(() => copyFile(from, to, constants.COPYFILE_FICLONE));
}

async function snapshotScript(): Promise<string> {
  const { outputFiles } = await build({
    entryPoints: [fileURLToPath(new URL("../snapshot.ts", import.meta.url))],
    bundle: true,
    minify: true,
    write: false,
    format: "cjs",
    platform: "node",
    target: "node24",
    logLevel: "error",
  });
  return outputFiles[0]?.text ?? "";
}

async function nodeVersion(staged: string): Promise<string> {
  return (await run(staged, ["--version"])).stdout;
}

async function writeSnapshot(staged: string, script: string): Promise<void> {
  const file = join(staged, "snapshot.cjs");
  await writeFile(file, script);
  await run(staged, [...WORKER_OPTIONS, "--snapshot-blob", join(staged, SNAPSHOT), "--build-snapshot", file]);
  await rm(file);
}

/** Runs the staged Node, whose libraries need not be those of the machine. */
async function run(staged: string, args: readonly string[]) {
  const [loader, libraries, node] = ["ld.so", "lib", "node"].map((name) => join(staged, name)) as [
    string,
    string,
    string,
  ];
  return promisify(execFile)(loader, ["--library-path", libraries, node, ...args], { env: {}, cwd: staged });
}

async function removeOld(target: string, current: string): Promise<void> {
  for (const name of await readdir(target)) {
    const { mtimeMs } = await stat(join(target, name));
    if (name !== current && name !== "worker.json" && Date.now() - mtimeMs > KEEP_MS)
      await rm(join(target, name), { recursive: true, force: true });
  }
}
