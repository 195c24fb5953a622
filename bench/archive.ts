/**
 * Protocol data archives on loopback, against what the machine can do: a download has to decompress and to write, so it is compared with the slower of
 * decompressing the same chunks with `zstd -d` on all cores and writing the same bytes with `dd`. Size in MiB: BENCH_ARCHIVE_MIB; rounds:
 * BENCH_ARCHIVE_ROUNDS.
 */
import { type ChildProcess, spawn } from "node:child_process";
import { createHash } from "node:crypto";
import { once } from "node:events";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, statSync } from "node:fs";
import { createServer } from "node:net";
import { availableParallelism, tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { compareAll, program, report, repository } from "./compare.ts";
import { DatabasePages } from "./database-pages.ts";
import { type Peak, watchFootprint } from "./footprint.ts";

const size = Number(process.env["BENCH_ARCHIVE_MIB"] ?? 2048);
const chunkMib = 64;
const rounds = Number(process.env["BENCH_ARCHIVE_ROUNDS"] ?? 5);
const folder = mkdtempSync(join(process.env["BENCH_ARCHIVE_DIR"] ?? tmpdir(), "bench-archive-"));
const inFolder = (name: string): string => join(folder, name);

type StoredChunk = {
  readonly index: number;
  readonly size: number;
  readonly checksum: { readonly sha256: readonly number[] };
};

/** Cuts the file into chunks, compresses each as an upload does, and describes them. */
function writeChunks(source: string): readonly StoredChunk[] {
  mkdirSync(inFolder("store"));
  const chunks: StoredChunk[] = [];
  for (let index = 0; index * chunkMib < size; index += 1) {
    const path = inFolder(`store/${index}`);
    program("sh", [
      "-c",
      `dd if="$1" bs=1M skip=${index * chunkMib} count=${chunkMib} status=none | zstd -3 -q -o "$2"`,
      "sh",
      source,
      path,
    ]);
    const checksum = { sha256: [...createHash("sha256").update(readFileSync(path)).digest()] };
    chunks.push({ index, size: statSync(path).size, checksum });
  }
  return chunks;
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  server.close();
  return typeof address === "object" && address !== null ? address.port : 0;
}

/** One download, by the agent's own program as operators run it; memory and descriptors are looked at all the while. */
async function download(chunks: readonly StoredChunk[], port: number, peak: Peak): Promise<void> {
  const args = ["archive-tool", "fetch", "--name", "bench", "--data", inFolder("data"), "--state", inFolder("state")];
  const [file, ...words] = current();
  const child = spawn(file!, [...words, ...args], {
    stdio: ["pipe", "pipe", "inherit"],
  });
  const ended = watchFootprint(child, peak, 50);
  try {
    for await (const line of createInterface({ input: child.stdout })) {
      const event = JSON.parse(line) as { event: string; what?: string; id: number; indexes: number[]; kind?: string };
      if (event.event === "result" && event.kind !== "complete") throw new Error(line);
      if (event.event !== "ask") continue;
      const header = { total_size: size * 1024 * 1024, compression: { ZSTD: 3 }, chunks: chunks.length };
      const answer =
        event.what === "version"
          ? { data_version: 1, header }
          : { chunks: event.indexes.map((i) => chunk(chunks[i]!, port)) };
      child.stdin.write(`${JSON.stringify({ id: event.id, ...answer })}\n`);
    }
  } finally {
    await ended;
  }
}

function chunk(stored: StoredChunk, port: number): object {
  const mib = 1024 * 1024;
  const pos = stored.index * chunkMib * mib;
  const destinations = [{ path: "database", pos, size: Math.min(chunkMib * mib, size * mib - pos) }];
  return {
    ...stored,
    key: `bench/1/data.part_${stored.index}`,
    url: `http://127.0.0.1:${port}/${stored.index}`,
    destinations,
  };
}

/** The program as it is installed and started: bundled; without its last word, the verb. */
function current(): readonly string[] {
  const folder = join(repository, "dist/agent");
  const { archive } = JSON.parse(readFileSync(join(folder, "agent.json"), "utf8")) as { archive: readonly string[] };
  return archive.slice(0, -1).map((word) => word.replaceAll("{dir}", folder));
}

const clear = (): void => {
  for (const name of ["data", "state", "written"]) rmSync(inFolder(name), { recursive: true, force: true });
};

let server: ChildProcess | undefined;
for (const signal of ["SIGTERM", "SIGINT"] as const) {
  process.once(signal, () => {
    server?.kill();
    rmSync(folder, { recursive: true, force: true });
    process.exit(1);
  });
}
try {
  const source = inFolder("source");
  new DatabasePages().writeFile(source, size);
  const chunks = writeChunks(source);
  const stored = chunks.reduce((sum, each) => sum + each.size, 0);
  const port = await freePort();
  server = spawn("busybox", ["httpd", "-f", "-p", `127.0.0.1:${port}`, "-h", inFolder("store")], { stdio: "ignore" });
  const peak: Peak = { rss: 0, fds: 0 };
  const ours = { name: "download", run: () => download(chunks, port, peak), before: clear };
  const list = `ls "$1" | xargs -P ${availableParallelism()} -I {} zstd -d -q -c "$1/{}" > /dev/null`;
  const decompress = { name: "zstd -d", run: () => program("sh", ["-c", list, "sh", inFolder("store")]) };
  const write = {
    name: "dd",
    before: clear,
    run: () => program("dd", [`if=${source}`, `of=${inFolder("written")}`, "bs=1M", "conv=fsync", "status=none"]),
  };
  const comparisons = await compareAll(ours, [decompress, write], rounds);
  clear();
  await download(chunks, port, peak);
  program("cmp", [inFolder("data/database"), source]);
  report(
    `archive, ${size} MiB in ${chunks.length} chunks, ${(stored / size / 1024 / 1024).toFixed(2)} of it after zstd-3`,
    comparisons,
  );
  console.log(`  download: at most ${peak.rss.toFixed(0)} MiB resident, ${peak.fds} file descriptors`);
} finally {
  server?.kill();
  rmSync(folder, { recursive: true, force: true });
}
