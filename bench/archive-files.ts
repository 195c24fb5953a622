/**
 * An archive of very many small files, in every direction, by the agent's own program, each cut off half way where it can be resumed: what each takes
 * of memory, descriptors and time. Files: BENCH_ARCHIVE_FILES. Nothing is removed before the end: file systems are slow to create files where as many
 * were removed lately.
 */
import { type ChildProcess, spawn } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, truncateSync, writeFileSync } from "node:fs";
import { availableParallelism, tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { createInterface } from "node:readline";
import { ArchiveEngine } from "../packages/babel/src/archive/testing/archive-engine.ts";
import { FaultyStore } from "../packages/babel/src/archive/testing/faulty-store.ts";
import { buildAgent } from "../packages/babel/src/bundle/build.ts";
import { type Cost, measured, program, reportCosts } from "./compare.ts";
import { type Peak, watchFootprint } from "./footprint.ts";
import { smallFile, writeSmallFiles } from "./small-files.ts";

const files = Number(process.env["BENCH_ARCHIVE_FILES"] ?? 100_000);
/** An upload has so many in a chunk at most. */
const filesPerChunk = 5000;
const folder = mkdtempSync(join(process.env["BENCH_ARCHIVE_DIR"] ?? tmpdir(), "bench-files-"));
const root = join(folder, "root");
const data = join(root, "blockjoy/protocol_data");
const fetched = join(folder, "fetched");
const socket = join(root, "var/lib/babel/run/engine.sock");

function writeNode(): void {
  const boot = readFileSync("/proc/sys/kernel/random/boot_id", "utf8").trim();
  const started = readFileSync("/proc/1/stat", "utf8").split(") ")[1]!.split(" ")[19];
  const node_env = { data_mount_point: "/blockjoy", protocol_data_path: "/blockjoy/protocol_data" };
  const conf = { node_env, secret: "bench", boot_id: `${boot}/${started}`, ramdisks: [] };
  const upload = { compression: { ZSTD: 3 } };
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

const costs: Cost[] = [];
/** A million files take minutes. */
const note = (cost: Cost): void => {
  costs.push(cost);
  console.log(`${cost.name}: ${cost.seconds.toFixed(1)} s`);
};

/** Waits for a process; what it took at most is part of the report. */
async function watched(name: string, child: ChildProcess): Promise<void> {
  const peak: Peak = { rss: 0, fds: 0 };
  const cost = await measured(name, () => watchFootprint(child, peak, 50));
  note({ ...cost, note: `${peak.rss.toFixed(0)} MiB resident, ${peak.fds} file descriptors` });
}

/** What the store is asked next half as often as there are chunks kills the process. */
function cutHalfWay(child: ChildProcess): void {
  let left = Math.floor(files / filesPerChunk / 2);
  store.fault = () => {
    left -= 1;
    if (left === 0) child.kill("SIGKILL");
    return undefined;
  };
}

async function upload(what: string, cut: boolean): Promise<void> {
  const child = spawn(command[0]!, [...command.slice(1), "archive", "upload"], {
    env: { ...process.env, BABEL_ROOT: root },
    stdio: ["ignore", "ignore", "inherit"],
  });
  if (cut) cutHalfWay(child);
  await watched(what, child);
  store.fault = () => undefined;
  if (cut !== (child.signalCode === "SIGKILL") || (!cut && child.exitCode !== 0))
    throw new Error(`${what} ended with ${child.signalCode ?? child.exitCode}`);
}

/** @param state of it, a folder; verify and repair keep none */
async function tool(what: string, verb: string, state: string, cut = false): Promise<void> {
  const layout = verb === "push" ? ["--zstd", "3", "--layout", "cas"] : [];
  const name = verb === "push" ? "another-key" : "sample-key";
  const args = [verb, "--name", name, "--data", fetched, "--state", join(folder, state), "--engine-socket", socket];
  const child = spawn(command[0]!, [...command.slice(1), "archive-tool", ...args, ...layout], {
    env: { ...process.env, BABEL_ENGINE_SECRET: "bench" },
    stdio: ["ignore", "pipe", "inherit"],
  });
  if (cut) cutHalfWay(child);
  const ended = watched(what, child);
  let result = "";
  for await (const line of createInterface({ input: child.stdout })) {
    const event = JSON.parse(line) as { readonly event: string; readonly kind?: string };
    if (event.event === "result") result = event.kind === "complete" ? "complete" : line;
  }
  await ended;
  store.fault = () => undefined;
  if (result !== (cut ? "" : "complete")) throw new Error(`${what} ended with ${result || child.signalCode}`);
}

/** The program as it is installed and started: bundled; of these sources. Without its last word, the verb. */
const built = await buildAgent(join(folder, "agent"));
const command = built.archive.slice(0, -1).map((word) => word.replaceAll("{dir}", join(folder, "agent")));
const store = await FaultyStore.start();
let engine: ArchiveEngine | undefined;
try {
  writeNode();
  writeSmallFiles(data, files);
  engine = await ArchiveEngine.start(store, socket);
  const pack = `tar -cf - -C "$1" . | zstd -3 -T${availableParallelism()} -q -f -o "$2"`;
  const packed = join(folder, "tree.tar.zst");
  note(await measured("tar | zstd -3", () => program("sh", ["-c", pack, "sh", data, packed])));
  mkdirSync(join(folder, "unpacked"));
  const unpack = ["-xf", packed, "-C", join(folder, "unpacked")];
  note(await measured("tar -x", () => program("tar", unpack)));
  await upload("upload, until it is killed", true);
  await upload("upload, resumed", false);
  await tool("download, until it is killed", "fetch", "fetch", true);
  await tool("download, resumed", "fetch", "fetch");
  await tool("verify", "verify", "fetch");
  truncateSync(join(fetched, smallFile(files - 1)), 1);
  await tool("repair", "repair", "fetch");
  program("cmp", [join(fetched, smallFile(files - 1)), join(data, smallFile(files - 1))]);
  await tool("push, content-addressed", "push", "push");
  writeFileSync(join(fetched, smallFile(0)), "another block");
  await tool("push, again", "push", "push");
  reportCosts(`archive of ${files} small files in ${engine.newest!.chunks.length} chunks`, costs);
} finally {
  await engine?.close();
  await store.close();
  rmSync(folder, { recursive: true, force: true });
}
