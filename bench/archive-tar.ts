/**
 * A download of very many small files, by the agent's own program, against `tar -x` of the same tree (T-24), which leaves all of it in memory, and against one
 * that, like the download, ends when all of it is on the disk. Files: BENCH_ARCHIVE_FILES; rounds:
 * BENCH_ARCHIVE_ROUNDS. Every round writes to folders of its own, and nothing is removed before the end: file systems are slow to create files where as
 * many were removed lately.
 */
import { spawn } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { ArchiveEngine } from "../packages/babel/src/archive/testing/archive-engine.ts";
import { FaultyStore } from "../packages/babel/src/archive/testing/faulty-store.ts";
import { buildAgent } from "../packages/babel/src/bundle/build.ts";
import { compareAll, program, report } from "./compare.ts";
import { type Peak, watchFootprint } from "./footprint.ts";
import { writeSmallFiles } from "./small-files.ts";

const files = Number(process.env["BENCH_ARCHIVE_FILES"] ?? 100_000);
const rounds = Number(process.env["BENCH_ARCHIVE_ROUNDS"] ?? 3);
const folder = mkdtempSync(join(process.env["BENCH_ARCHIVE_DIR"] ?? tmpdir(), "bench-tar-"));
const inFolder = (name: string): string => join(folder, name);
const peak: Peak = { rss: 0, fds: 0 };

async function tool(verb: string, data: string, state: string, ...more: readonly string[]): Promise<void> {
  const places = ["--data", data, "--state", state, "--engine-socket", inFolder("engine.sock")];
  const child = spawn(command[0]!, [...command.slice(1), "archive-tool", verb, "--name", "bench", ...places, ...more], {
    env: { ...process.env, BABEL_ENGINE_SECRET: "bench" },
    stdio: ["ignore", "ignore", "inherit"],
  });
  await watchFootprint(child, verb === "fetch" ? peak : { rss: 0, fds: 0 }, 50);
  if (child.exitCode !== 0) throw new Error(`${verb} ended with ${child.signalCode ?? child.exitCode}`);
}

/** The program as it is installed and started: bundled; of these sources. Without its last word, the verb. */
const built = await buildAgent(inFolder("agent"));
const command = built.archive.slice(0, -1).map((word) => word.replaceAll("{dir}", inFolder("agent")));
const store = await FaultyStore.start();
let engine: ArchiveEngine | undefined;
try {
  const tree = inFolder("tree");
  writeSmallFiles(tree, files);
  engine = await ArchiveEngine.start(store, inFolder("engine.sock"));
  await tool("push", tree, inFolder("push"), "--zstd", "3");
  const packed = inFolder("tree.tar.zst");
  program("tar", ["--zstd", "-cf", packed, "-C", tree, "."]);
  let round = 0;
  const download = {
    name: `download of ${files} files`,
    before: () => (round += 1),
    run: () => tool("fetch", inFolder(`fetched-${round}`), inFolder(`state-${round}`)),
  };
  const unpack = (name: string, flush: boolean) => ({
    name,
    before: () => mkdirSync(inFolder(`${name}-${round}`)),
    run: () => {
      program("tar", ["--zstd", "-xf", packed, "-C", inFolder(`${name}-${round}`)]);
      if (flush) program("sync", ["-f", inFolder(`${name}-${round}`)]);
    },
  });
  const comparisons = await compareAll(download, [unpack("tar -x", false), unpack("tar -x, sync -f", true)], rounds);
  program("diff", ["-r", inFolder(`fetched-${round}`), tree]);
  report(`archive of small files in ${engine.archives.get("bench")?.get(1)?.chunks.length} chunks`, comparisons);
  console.log(`  download: at most ${peak.rss.toFixed(0)} MiB resident, ${peak.fds} file descriptors`);
} finally {
  await engine?.close();
  await store.close();
  rmSync(folder, { recursive: true, force: true });
}
