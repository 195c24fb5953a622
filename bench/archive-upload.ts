/**
 * An upload of protocol data to a store on loopback, by the agent's own program, against `zstd -3` on all cores over a tar of the same tree.
 * Size in MiB: BENCH_ARCHIVE_MIB.
 */
import { spawn } from "node:child_process";
import { createHash } from "node:crypto";
import { once } from "node:events";
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { availableParallelism, tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { ArchiveEngine } from "../packages/babel/src/archive/testing/archive-engine.ts";
import { compare, program, report, repository } from "./compare.ts";

const size = Number(process.env["BENCH_ARCHIVE_MIB"] ?? 2048);
const mib = 1024 * 1024;
const fileMib = 64;
const smallFiles = 2000;
const rounds = 3;
const folder = mkdtempSync(join(process.env["BENCH_ARCHIVE_DIR"] ?? tmpdir(), "bench-upload-"));
const root = join(folder, "root");
const data = join(root, "blockjoy/protocol_data");

/** Database-like pages: keys that repeat, values that do not; zstd-3 halves them. */
function page(seed: number): Buffer {
  const block = Buffer.alloc(mib);
  for (let row = 0; row < mib; row += 64) {
    createHash("sha1").update(`${seed} ${row}`).digest().copy(block, row);
    block.write(`account:${row.toString(16).padStart(8, "0")} balance: 0000`, row + 20, "latin1");
  }
  return block;
}

function writeTree(): void {
  for (let file = 0; file * fileMib < size; file += 1) {
    const pages = Array.from({ length: Math.min(fileMib, size - file * fileMib) }, (_, i) => page(file * fileMib + i));
    writeFileSync(join(data, `${String(file).padStart(4, "0")}.sst`), Buffer.concat(pages));
  }
  mkdirSync(join(data, "small"));
  const some = page(-1);
  for (let file = 0; file < smallFiles; file += 1) {
    writeFileSync(join(data, "small", String(file)), some.subarray(file * 64, file * 64 + 5000));
  }
}

/** Takes what comes, and keeps only how much it was. */
class CountingStore {
  readonly objects = new Map<string, { readonly length: number }>();
  readonly server = createServer((request, response) => {
    let length = 0;
    request.on("data", (piece: Buffer) => (length += piece.length));
    request.on("end", () => {
      this.objects.set(decodeURIComponent(new URL(request.url ?? "/", "http://store").pathname.slice(1)), { length });
      response.end();
    });
  });

  url(key: string): string {
    return `http://127.0.0.1:${(this.server.address() as AddressInfo).port}/${key}`;
  }
}

/** The program as it is installed: bundled. */
function agentProgram(): string {
  const agent = join(repository, "dist/agent");
  const { version } = JSON.parse(readFileSync(join(agent, "agent.json"), "utf8")) as { readonly version: string };
  return join(agent, version, "babel.mjs");
}

const peak = { rss: 0, fds: 0 };
let cpuSeconds = 0;

async function upload(): Promise<void> {
  const child = spawn(process.execPath, [agentProgram(), "archive", "upload"], {
    env: { ...process.env, BABEL_ROOT: root },
    stdio: ["ignore", "ignore", "inherit"],
  });
  const watch = setInterval(() => {
    try {
      const proc = `/proc/${child.pid}`;
      const status = readFileSync(`${proc}/status`, "utf8");
      peak.rss = Math.max(peak.rss, Number(/^VmHWM:\s+(\d+)/m.exec(status)?.[1] ?? 0) / 1024);
      peak.fds = Math.max(peak.fds, readdirSync(`${proc}/fd`).length);
      const [user, system] = readFileSync(`${proc}/stat`, "utf8").split(") ")[1]!.split(" ").slice(11, 13);
      cpuSeconds = (Number(user) + Number(system)) / 100;
    } catch {}
  }, 50);
  const [code] = await once(child, "exit");
  clearInterval(watch);
  if (code !== 0) throw new Error(readFileSync(join(root, "var/lib/babel/jobs/upload/failure"), "utf8"));
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

const store = new CountingStore();
store.server.listen(0, "127.0.0.1");
await once(store.server, "listening");
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
  report(`archive upload, ${size} MiB, ${(stored / size / mib).toFixed(2)} of it stored`, [comparison]);
  console.log(
    `  upload: at most ${peak.rss.toFixed(0)} MiB resident, ${peak.fds} file descriptors, ${cpuSeconds.toFixed(1)} s of processor time`,
  );
  console.log(`  zstd: ${(statSync(packed).size / size / mib).toFixed(2)} of it`);
} finally {
  store.server.close();
  store.server.closeAllConnections();
  await engine?.close();
  rmSync(folder, { recursive: true, force: true });
}
