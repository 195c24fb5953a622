/**
 * An archive of very many small files, in every direction, by the agent's own program: what each takes of memory, and an upload's time against tar and
 * `zstd -3` on all cores over the same tree. Files: BENCH_ARCHIVE_FILES.
 */
import { type ChildProcess, spawn } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, truncateSync, writeFileSync } from "node:fs";
import { availableParallelism, tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { createInterface } from "node:readline";
import { ArchiveEngine } from "../packages/babel/src/archive/testing/archive-engine.ts";
import { FaultyStore } from "../packages/babel/src/archive/testing/faulty-store.ts";
import { buildAgent } from "../packages/babel/src/bundle/build.ts";
import { compare, program, report } from "./compare.ts";
import { type Peak, watchFootprint } from "./footprint.ts";

const files = Number(process.env["BENCH_ARCHIVE_FILES"] ?? 200_000);
const filesPerFolder = 1000;
const folder = mkdtempSync(join(process.env["BENCH_ARCHIVE_DIR"] ?? tmpdir(), "bench-files-"));
const root = join(folder, "root");
const data = join(root, "blockjoy/protocol_data");
const fetched = join(folder, "fetched");
const state = join(folder, "state");
const socket = join(root, "var/lib/babel/run/engine.sock");

const folderOf = (file: number): string => {
  const number = String(Math.floor(file / filesPerFolder)).padStart(5, "0");
  return `chaindata/segment-${number.slice(0, 3)}/ancient-${number.slice(3)}`;
};
const pathOf = (file: number): string => `${folderOf(file)}/block-${String(file).padStart(9, "0")}.bin`;

function writeTree(): void {
  for (let file = 0; file < files; file += 1) {
    if (file % filesPerFolder === 0) mkdirSync(join(data, folderOf(file)), { recursive: true });
    writeFileSync(join(data, pathOf(file)), `block ${file} `.repeat(5));
  }
}

function writeNode(layout: "parts" | "cas"): void {
  const boot = readFileSync("/proc/sys/kernel/random/boot_id", "utf8").trim();
  const started = readFileSync("/proc/1/stat", "utf8").split(") ")[1]!.split(" ")[19];
  const node_env = { data_mount_point: "/blockjoy", protocol_data_path: "/blockjoy/protocol_data" };
  const conf = { node_env, secret: "bench", boot_id: `${boot}/${started}`, ramdisks: [] };
  const upload = { compression: { ZSTD: 3 }, layout };
  const content = {
    "etc/babel.conf": conf,
    "var/lib/babel/jobs/upload/config.json": { job_type: { upload }, restart: "never" },
  };
  mkdirSync(dirname(socket), { recursive: true });
  for (const [path, json] of Object.entries(content)) {
    mkdirSync(dirname(join(root, path)), { recursive: true });
    writeFileSync(join(root, path), JSON.stringify(json));
  }
}

/** MiB resident at most, and most file descriptors, by what was done. */
const peaks = new Map<string, Peak>();

function watched(what: string, child: ChildProcess): Promise<void> {
  const peak = peaks.get(what) ?? { rss: 0, fds: 0 };
  peaks.set(what, peak);
  return watchFootprint(child, peak, 50);
}

async function upload(what: string): Promise<void> {
  const child = spawn(command[0]!, [...command.slice(1), "archive", "upload"], {
    env: { ...process.env, BABEL_ROOT: root },
    stdio: ["ignore", "ignore", "inherit"],
  });
  await watched(what, child);
  if (child.exitCode !== 0) throw new Error(readFileSync(join(root, "var/lib/babel/jobs/upload/failure"), "utf8"));
}

/** @param stopAt so many chunks are done: it is killed */
async function tool(what: string, verb: string, stopAt = Number.POSITIVE_INFINITY): Promise<string> {
  const args = [verb, "--name", "sample-key", "--data", fetched, "--state", state, "--engine-socket", socket];
  const child = spawn(command[0]!, [...command.slice(1), "archive-tool", ...args], {
    env: { ...process.env, BABEL_ENGINE_SECRET: "bench" },
    stdio: ["ignore", "pipe", "inherit"],
  });
  const ended = watched(what, child);
  let result = "";
  for await (const line of createInterface({ input: child.stdout })) {
    const event = JSON.parse(line) as { event: string; current?: number; kind?: string };
    if (event.event === "result") result = line;
    if (event.event === "progress" && (event.current ?? 0) >= stopAt) child.kill("SIGKILL");
  }
  await ended;
  return result;
}

function expect(result: string, kind: string): void {
  if ((JSON.parse(result) as { kind: string }).kind !== kind) throw new Error(result);
}

/** The program as it is installed and started: bundled; of these sources. Without its last word, the verb. */
const built = await buildAgent(join(folder, "agent"));
const command = built.archive.slice(0, -1).map((word) => word.replaceAll("{dir}", join(folder, "agent")));
const store = await FaultyStore.start();
let engine: ArchiveEngine | undefined;
try {
  writeNode("parts");
  writeTree();
  engine = await ArchiveEngine.start(store, socket);
  const packed = join(folder, "tree.tar.zst");
  const pack = `tar -cf - -C "$1" . | zstd -3 -T${availableParallelism()} -q -f -o "$2"`;
  const baseline = { name: "tar | zstd -3", run: () => program("sh", ["-c", pack, "sh", data, packed]) };
  const comparison = await compare({ name: "upload", run: () => upload("upload") }, baseline, 1);
  const { chunks } = engine.newest!;

  await tool("download, until it is killed", "fetch", Math.floor(chunks.length / 2));
  expect(await tool("download, resumed", "fetch"), "complete");
  program("diff", ["-r", data, fetched]);
  expect(await tool("verify", "verify"), "complete");
  truncateSync(join(fetched, pathOf(files - 1)), 1);
  expect(await tool("repair", "repair"), "complete");
  for (const path of [fetched, state]) rmSync(path, { recursive: true });
  expect(await tool("download", "fetch"), "complete");

  engine.versions.clear();
  writeNode("cas");
  rmSync(join(root, "blockjoy/.babel_jobs"), { recursive: true, force: true });
  await upload("upload, content-addressed");
  writeFileSync(join(data, pathOf(0)), "another block");
  await upload("upload, again");

  report(`archive of ${files} small files in ${chunks.length} chunks`, [comparison]);
  for (const [what, { rss, fds }] of peaks) {
    console.log(`  ${what}: at most ${rss.toFixed(0)} MiB resident, ${fds} file descriptors`);
  }
} finally {
  await engine?.close();
  await store.close();
  rmSync(folder, { recursive: true, force: true });
}
