/**
 * An upload of protocol data to a store on loopback, by the agent's own program, against `zstd -3` on all cores over a tar of the same tree.
 * Size in MiB: BENCH_ARCHIVE_MIB; rounds: BENCH_ARCHIVE_ROUNDS.
 */
import { spawn } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { availableParallelism, tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { ArchiveEngine } from "../packages/babel/src/archive/testing/archive-engine.ts";
import { buildAgent } from "../packages/babel/src/bundle/build.ts";
import { compare, program, report } from "./compare.ts";
import { CountingStore } from "./counting-store.ts";
import { DatabasePages, MIB } from "./database-pages.ts";
import { type Peak, watchFootprint } from "./footprint.ts";

const size = Number(process.env["BENCH_ARCHIVE_MIB"] ?? 2048);
const fileMib = 64;
const smallFiles = 2000;
const rounds = Number(process.env["BENCH_ARCHIVE_ROUNDS"] ?? 5);
const folder = mkdtempSync(join(process.env["BENCH_ARCHIVE_DIR"] ?? tmpdir(), "bench-upload-"));
const root = join(folder, "root");
const data = join(root, "blockjoy/protocol_data");

function writeTree(): void {
  const pages = new DatabasePages();
  for (let file = 0; file * fileMib < size; file += 1) {
    pages.writeFile(join(data, `${String(file).padStart(4, "0")}.sst`), Math.min(fileMib, size - file * fileMib));
  }
  mkdirSync(join(data, "small"));
  const some = pages.next();
  for (let file = 0; file < smallFiles; file += 1) {
    writeFileSync(join(data, "small", String(file)), some.subarray(file * 64, file * 64 + 5000));
  }
}

const peak: Peak = { rss: 0, fds: 0 };
async function upload(): Promise<void> {
  const child = spawn(command[0]!, [...command.slice(1), "upload"], {
    env: { ...process.env, BABEL_ROOT: root },
    stdio: ["ignore", "ignore", "inherit"],
  });
  await watchFootprint(child, peak, 200);
  if (child.exitCode !== 0) throw new Error(readFileSync(join(root, "var/lib/babel/jobs/upload/failure"), "utf8"));
}

function writeNode(): void {
  const boot = readFileSync("/proc/sys/kernel/random/boot_id", "utf8").trim();
  const started = readFileSync("/proc/1/stat", "utf8").split(") ")[1]!.split(" ")[19];
  const node_env = { data_mount_point: "/blockjoy", protocol_data_path: "/blockjoy/protocol_data" };
  const conf = { node_env, secret: "bench", boot_id: `${boot}/${started}`, ramdisks: [] };
  const upload = { compression: { ZSTD: 3 }, number_of_chunks: Math.ceil(size / fileMib), max_connections: 4 };
  const files = {
    "etc/babel.conf": conf,
    "var/lib/babel/jobs/upload/config.json": { job_type: { upload }, restart: "never" },
  };
  mkdirSync(data, { recursive: true });
  mkdirSync(join(root, "var/lib/babel/run"), { recursive: true });
  for (const [path, content] of Object.entries(files)) {
    mkdirSync(dirname(join(root, path)), { recursive: true });
    writeFileSync(join(root, path), JSON.stringify(content));
  }
}

/** The program as it is installed and started: bundled; of these sources. */
const built = await buildAgent(join(folder, "agent"));
const command = built.archive.map((word) => word.replaceAll("{dir}", join(folder, "agent")));
const store = await CountingStore.start();
let engine: ArchiveEngine | undefined;
try {
  writeNode();
  writeTree();
  engine = await ArchiveEngine.start(store, join(root, "var/lib/babel/run/engine.sock"));
  const tar = join(folder, "tree.tar");
  program("tar", ["-cf", tar, "-C", data, "."]);
  const threads = availableParallelism();
  const packed = join(folder, "tree.tar.zst");
  const zstd = {
    name: `zstd -3 -T${threads}`,
    run: () => program("zstd", ["-3", `-T${threads}`, "-q", "-f", tar, "-o", packed]),
  };
  const comparison = await compare({ name: "upload", run: upload }, zstd, rounds);
  const stored = engine.newest!.chunks.reduce((sum, chunk) => sum + chunk.size, 0);
  report(`archive upload, ${size} MiB, ${(stored / size / MIB).toFixed(3)} of it stored`, [comparison]);
  console.log(`  upload: at most ${peak.rss.toFixed(0)} MiB resident, ${peak.fds} file descriptors`);
  console.log(`  zstd: ${(statSync(packed).size / size / MIB).toFixed(3)} of it stored`);
} finally {
  store.close();
  await engine?.close();
  rmSync(folder, { recursive: true, force: true });
}
